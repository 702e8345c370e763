import { error, FrankentorchError } from '../errors.ts'
import { native } from '../native.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import type { Program } from '../tensor/program.ts'
import type { PointInfo } from './resolve-interventions.ts'

const passed = new WeakMap<Program<unknown>, Set<string>>()

/**
 * Runs a hook's program on the meta device with values as they pass a point in a prefill and in a decoding step: what it gives must be as what it got.
 * Throws `ERR_SHAPE_MISMATCH`, or `ERR_DISPOSED` for a program that was disposed.
 */
export function checkProgram(program: Program<unknown>, { name: point, shape }: PointInfo, dtype: FloatingDtype): void {
  const known = passed.get(program) ?? new Set()
  passed.set(program, known)
  const key = `${shape} ${dtype}`
  if (known.has(key)) return
  for (const sizes of passages(point, shape)) {
    const [result] = dryRun(program, sizes, dtype, point)
    if (String(result?.shape) === String(sizes) && result?.dtype === dtype) continue
    const wanted = `${dtype} [${sizes.join(', ')}], as the value has it,`
    const given = result ? `${result.dtype} [${result.shape.join(', ')}]` : 'no tensor'
    throw error('ERR_SHAPE_MISMATCH', `Expected ${wanted} from the program at ${point} but it gives ${given}`)
  }
  known.add(key)
}

// Pictures of all rows make one value inside the vision tower; its patches come in merge cells.
function passages(point: string, shape: readonly number[]): number[][] {
  const visual = point.startsWith('visual.')
  const sizes = (rows: number, tokens: number, keys: number) => {
    const counts = [tokens, keys]
    return shape.map((size, axis) => (axis === 0 ? rows : size === -1 ? counts.shift()! : size))
  }
  return visual ? [sizes(1, 16, 16), sizes(1, 8, 8)] : [sizes(2, 7, 7), sizes(1, 1, 8)]
}

function dryRun(program: Program<unknown>, sizes: readonly number[], dtype: FloatingDtype, point: string) {
  try {
    return native().dryRunProgram(program.handle, [sizes], dtype)
  } catch (thrown) {
    if (!(thrown instanceof FrankentorchError) || thrown.code !== 'ERR_ENGINE') throw thrown
    const cause = thrown
    const value = `${dtype} [${sizes.join(', ')}]`
    throw error('ERR_SHAPE_MISMATCH', `The program at ${point} does not run on ${value}: ${thrown.message}`, { cause })
  }
}
