import type { Expression } from '../../tensor/expression.ts'
import { recordOwn } from '../../tensor/record.ts'
import { defineMethod } from '../method.ts'
import { weightedSum } from './weighted-sum.ts'

/**
 * Model Stock (Jang et al., 2024, arXiv 2403.19522): W₀ + t (W̄ − W₀) with t = N cos θ / (1 + (N − 1) cos θ), W̄ the mean of the N models and
 * θ the angle between their differences, by parameter; of more than two models the mean of the pairs' cosines. Parameters that no model
 * changed keep the base's values.
 */
export const modelStock = defineMethod('model_stock', {
  parameters: {},
  base: 'required',
  models: { min: 2 },
  measure: ({ deltas }) => {
    const norms = deltas.map((delta) => inner(delta, delta).sqrt())
    const cosines = deltas.flatMap((one, i) =>
      deltas.slice(0, i).map((other, j) => inner(one, other).div(norms[i]!.mul(norms[j]!).clamp_min(1e-300))),
    )
    const cosine = weightedSum(
      cosines,
      cosines.map(() => 1 / cosines.length),
    )
    const n = deltas.length
    return [cosine.mul(n).div(cosine.mul(n - 1).add(1))]
  },
  combine: ({ base, deltas }, _values, [t]) =>
    base.add(
      weightedSum(
        deltas,
        deltas.map(() => 1 / deltas.length),
      ).mul(t!),
    ),
})

function inner(a: Expression, b: Expression): Expression {
  return recordOwn('inner_product', [a, b]) as Expression
}
