import type { Expression } from '../../tensor/expression.ts'
import type { Tensors } from '../method.ts'

/** DARE (Yu et al., 2024, arXiv 2311.03099): each element of a difference is kept with probability `density` and divided by it, or zero. */
export function dropped({ deltas, keep }: Tensors, density: readonly number[]): Expression[] {
  return deltas.map((delta, i) => delta.mul(keep(delta, density[i]!, i)).div(density[i]!))
}
