import { error } from '../../errors.ts'
import type { Expression } from '../../tensor/expression.ts'

/** Σᵢ wᵢ xᵢ, in order. */
export function weightedSum(tensors: readonly Expression[], weights: readonly number[]): Expression {
  const [first, ...rest] = tensors
  return rest.reduce((sum, tensor, i) => sum.add(tensor, { alpha: weights[i + 1]! }), first!.mul(weights[0]!))
}

/** Throws `ERR_RECIPE` for weights that cannot be normalised. */
export function requireSum(method: string, weights: readonly number[]): void {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (Math.abs(total) >= 1e-8) return
  throw error(
    'ERR_RECIPE',
    `Expected weights that do not sum to zero for ${method} but received ${weights.join(', ')}: they cannot be normalised`,
  )
}
