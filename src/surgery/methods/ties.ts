import type { Expression } from '../../tensor/expression.ts'
import { ops } from '../../tensor/ops.ts'
import { recordOwn } from '../../tensor/record.ts'
import { defineMethod, flag, overall, perModel } from '../method.ts'
import { elected } from './elect.ts'
import { requireSum } from './weighted-sum.ts'

/**
 * TIES: trim each difference to the `density` of its largest elements, elect a sign for each element, take the disjoint mean, times λ (Yadav et
 * al., 2023, arXiv 2306.01708). Trimming keeps ⌊density · n⌋ elements of a parameter, and those of equal magnitude.
 */
export const ties = defineMethod('ties', {
  parameters: {
    density: perModel(0.2, { min: 0, max: 1, above: true }),
    weight: perModel(1),
    lambda: overall(1),
    normalize: flag(true),
  },
  base: 'required',
  measure: ({ deltas }, { density }) =>
    deltas.map((delta, i) => recordOwn('magnitude_threshold', [delta.to('float32'), density[i]!]) as Expression),
  combine: ({ base, deltas }, { weight, lambda, normalize }, thresholds) => {
    const trimmed = deltas.map((delta, i) => ops.where(delta.abs().ge(thresholds[i]!), delta, 0) as Expression)
    return base.add(elected(trimmed, weight, normalize), { alpha: lambda })
  },
  require: ({ weight, normalize }) => normalize && requireSum('ties', weight),
})
