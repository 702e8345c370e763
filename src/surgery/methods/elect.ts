import type { Expression } from '../../tensor/expression.ts'
import { ops } from '../../tensor/ops.ts'
import { weightedSum } from './weighted-sum.ts'

/**
 * The second and third step of TIES (Yadav et al., 2023, arXiv 2306.01708): each element gets the sign of Σᵢ wᵢ δᵢ, a tie the positive one;
 * of the differences with that sign Σ wᵢ δᵢ, divided by the sum of their weights where `normalize` (the paper's disjoint mean).
 */
export function elected(deltas: readonly Expression[], weights: readonly number[], normalize: boolean): Expression {
  const positive = weightedSum(deltas, weights).ge(0)
  const kept = deltas.map(
    (delta) => ops.where(ops.where(positive, delta.gt(0), delta.lt(0)) as Expression, delta, 0) as Expression,
  )
  const sum = weightedSum(kept, weights)
  if (!normalize) return sum
  const total = weightedSum(
    kept.map((delta) => delta.ne(0).to('float32') as Expression),
    weights,
  )
  return ops.where(total.eq(0), 0, sum.div(total)) as Expression
}
