import { expected } from '../check.ts'
import { error, FrankentorchError } from '../errors.ts'
import { native } from '../native.ts'
import { floatingDtypes } from '../tensor/dtype.ts'
import { Expression } from '../tensor/expression.ts'
import { withInPlace } from '../tensor/in-place.ts'
import { type Recorded, requireSynchronous } from '../tensor/instruction.ts'
import { Program, programInputs } from '../tensor/program.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Parameter } from './parameters.ts'
import type { Edit } from './surgery.ts'

/** An edit of one parameter, recorded and tried on the meta device: what it gives must have the parameter's shape. */
export interface RecordedEdit {
  name: string
  program: Program<Recorded[]>
  /** What the parameter becomes, in its dtype. */
  run(before: Tensor, signal: AbortSignal | undefined): Promise<Tensor>
}

/** Throws `ERR_INVALID_ARGUMENT`, `ERR_SYMBOLIC_VALUE` or `ERR_SHAPE_MISMATCH`. */
export function recordEdit({ name, shape, dtype }: Parameter, change: Edit): RecordedEdit {
  if (typeof change !== 'function') throw expected('a function, as in (w) => w.mul(0.5),', 'change', change)
  const [w] = programInputs(1) as [Expression]
  const { result, effects } = withInPlace(() => change(w, name) as unknown)
  requireSynchronous(result, `the edit of ${name}`)
  // in-place forms alone say what becomes of it
  const value = result === undefined && effects.length > 0 ? w : result
  if (!(value instanceof Expression)) throw expected('an expression', `the edit of ${name}`, result)
  const program = new Program<Recorded[]>(1, [value.to(dtype).contiguous() as Expression, ...effects])
  try {
    tryOut(program, { name, shape, dtype }, value)
  } catch (thrown) {
    program.dispose()
    throw thrown
  }
  return {
    name,
    program,
    async run(before, signal) {
      // what is changed in place is a copy: the parameter may lie in the mapped file
      using copy = effects.length > 0 ? await before.clone() : undefined
      const [after, ...rest] = (await program.run([copy ?? before], { signal })) as unknown as Tensor[]
      for (const effect of rest) effect.dispose()
      return after!
    },
  }
}

function tryOut(
  program: Program<Recorded[]>,
  { name, shape, dtype }: Omit<Parameter, 'storedName' | 'bytes'>,
  value: Expression,
) {
  using plain = new Program(1, [value])
  const [given, result] = [plain, program].map((tried) => {
    try {
      return native().dryRunProgram(tried.handle, [shape], dtype)[0]!
    } catch (thrown) {
      if (!(thrown instanceof FrankentorchError) || thrown.code !== 'ERR_ENGINE') throw thrown
      const words = `The edit does not run on ${name}, ${dtype} [${shape}]: ${thrown.message}`
      throw error('ERR_SHAPE_MISMATCH', words, { cause: thrown })
    }
  })
  if (!(floatingDtypes as readonly string[]).includes(given!.dtype))
    throw expected('floating point', `the edit of ${name}`, given!.dtype, 'ERR_UNKNOWN_DTYPE')
  if (String(result!.shape) !== String(shape))
    throw error('ERR_SHAPE_MISMATCH', `Expected [${shape}] from the edit of ${name} but it gives [${result!.shape}]`)
}
