import { defineMethod, flag, overall, perModel } from '../method.ts'
import { dropped } from './drop.ts'
import { elected } from './elect.ts'
import { requireSum } from './weighted-sum.ts'

/** TIES whose differences are dropped at random and rescaled (Yu et al., 2024, arXiv 2311.03099) and not trimmed by magnitude. */
export const dareTies = defineMethod('dare_ties', {
  parameters: {
    density: perModel(0.5, { min: 0, max: 1, above: true }),
    weight: perModel(1),
    lambda: overall(1),
    normalize: flag(true),
  },
  base: 'required',
  combine: (tensors, { density, weight, lambda, normalize }) =>
    tensors.base.add(elected(dropped(tensors, density), weight, normalize), { alpha: lambda }),
  require: ({ weight, normalize }) => normalize && requireSum('dare_ties', weight),
})
