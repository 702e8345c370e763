import { error } from '../errors.ts'
import { all } from '../tensor/evaluate.ts'
import type { Expression, Outputs } from '../tensor/expression.ts'
import { recordOwn } from '../tensor/record.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** How many elements moved by 2^log2 ≤ |Δ| < 2^(log2 + 1), by bin; the outermost take what lies beyond them. */
export const binLog2 = Array.from({ length: 64 }, (_, bin) => bin - 48)

export interface UpdateStatistics {
  /** ‖Δ‖_F */
  norm: number
  largest: number
  mean: number
  unchanged: number
  /** By bin of `binLog2`; unchanged elements are in none. */
  counts: number[]
}

export interface ChainStatistics {
  elements: number
  /** ‖W‖_F of each checkpoint. */
  norms: number[]
  updates: UpdateStatistics[]
  /** ⟨Δᵢ, Δⱼ⟩ for i < j. */
  inner(i: number, j: number): number
}

/** Reads one parameter of every checkpoint of a chain once (cpp/kernels/update_statistics.h). */
export async function chainStatistics(tensors: readonly Tensor[], signal?: AbortSignal): Promise<ChainStatistics> {
  const recorded = recordOwn('update_statistics', [tensors]) as Outputs<{ sums: Expression; counts: Expression }>
  const { sums, counts } = await all({ sums: recorded.sums, counts: recorded.counts }, { signal })
  using _sums = sums
  using _counts = counts
  const sum = Array.from((await sums.data()) as Float64Array)
  const count = Array.from((await counts.data()) as BigInt64Array, Number)
  const elements = tensors[0]!.numel()
  const updates = tensors.length - 1
  const pairs = tensors.length + 4 * updates
  return {
    elements,
    norms: sum.slice(0, tensors.length).map(Math.sqrt),
    updates: Array.from({ length: updates }, (_, i) => {
      const [squares, largest, unchanged, total] = sum.slice(tensors.length + 4 * i) as [number, number, number, number]
      const bins = count.slice(i * binLog2.length, (i + 1) * binLog2.length)
      return { norm: Math.sqrt(squares), largest, mean: elements > 0 ? total / elements : 0, unchanged, counts: bins }
    }),
    inner: (i, j) => sum[pairs + i * updates - (i * (i + 1)) / 2 + (j - i - 1)]!,
  }
}

/** Throws `ERR_NON_FINITE` for the first checkpoint whose norm is none. */
export function requireFinite(statistics: ChainStatistics, parameter: string, names: readonly string[]): void {
  const bad = statistics.norms.findIndex((norm) => !Number.isFinite(norm))
  if (bad >= 0) throw error('ERR_NON_FINITE', `${parameter} of ${names[bad]} holds a NaN or an infinity`)
}
