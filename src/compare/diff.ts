import { z } from 'zod'
import { check } from '../check.ts'
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts'
import { MappedCheckpoint } from '../checkpoint/mapped.ts'
import { resolveModel } from '../hub/index.ts'
import { chainStatistics } from './statistics.ts'

const DiffOptions = z.strictObject({
  signal: z.instanceof(AbortSignal).optional(),
  /** Bytes read so far and in all. */
  onProgress: z
    .custom<(done: number, total: number) => void>((value) => typeof value === 'function', 'a function')
    .optional(),
})
export type DiffOptions = z.input<typeof DiffOptions>

/** A parameter that is not the same in both. */
export type Difference = { name: string } & (
  | {
      kind: 'values'
      changed: number
      elements: number
      max_abs: number | null
      fro_norm: number | null
      relative_norm: number | null
    }
  | { kind: 'shape' | 'dtype' | 'missing'; a: string; b: string }
)

export interface DiffResult {
  /** Parameters of either. */
  parameters: number
  /** By internal name, in the order of the first checkpoint; a parameter may differ in dtype and in values. */
  differences: Difference[]
}

/**
 * Which parameters of two checkpoints differ and by how much, whatever their layouts and shards. Values are compared as numbers (equal ones in
 * other dtypes are equal, two NaNs are); norms are null where a NaN or an infinity is involved.
 */
export async function diff(a: string, b: string, options: DiffOptions = {}): Promise<DiffResult> {
  const { signal, onProgress } = check(DiffOptions, options)
  const open = async (name: string, what: string) =>
    openCheckpoint(await resolveModel(check(z.string().min(1), name, what), { signal }))
  const [one, other] = [await open(a, 'a'), await open(b, 'b')]
  using left = new MappedCheckpoint(one)
  using right = new MappedCheckpoint(other)
  const names = [...new Set([...one.entries.keys(), ...other.entries.keys()])]
  const total = bytesOf(one) + bytesOf(other)
  const differences: Difference[] = []
  let done = 0
  for (const name of names) {
    const [x, y] = [one.entries.get(name), other.entries.get(name)]
    done += (x ? x.end - x.begin : 0) + (y ? y.end - y.begin : 0)
    if (!x || !y)
      differences.push({ name, kind: 'missing', a: x ? 'present' : 'missing', b: y ? 'present' : 'missing' })
    else if (x.shape.join() !== y.shape.join())
      differences.push({ name, kind: 'shape', a: `[${x.shape}]`, b: `[${y.shape}]` })
    else {
      if (x.dtype !== y.dtype) differences.push({ name, kind: 'dtype', a: x.dtype, b: y.dtype })
      using before = left.tensor(x)
      using after = right.tensor(y)
      const { elements, norms, updates } = await chainStatistics([before, after], signal)
      const { unchanged, largest, norm } = updates[0]!
      const finite = (value: number) => (Number.isFinite(value) ? value : null)
      if (unchanged < elements) {
        differences.push({
          name,
          kind: 'values',
          changed: elements - unchanged,
          elements,
          max_abs: Number.isFinite(norm) ? largest : null,
          fro_norm: finite(norm),
          relative_norm: finite(norm / (norms[0]! + 1e-8)),
        })
      }
    }
    onProgress?.(done, total)
  }
  return { parameters: names.length, differences }
}

function bytesOf({ entries }: Checkpoint): number {
  return [...entries.values()].reduce((sum, { begin, end }) => sum + end - begin, 0)
}
