import type { Expression } from '../../tensor/expression.ts'

/** Σᵢ wᵢ xᵢ, in order. */
export function weightedSum(tensors: readonly Expression[], weights: readonly number[]): Expression {
  const [first, ...rest] = tensors
  return rest.reduce((sum, tensor, i) => sum.add(tensor, { alpha: weights[i + 1]! }), first!.mul(weights[0]!))
}
