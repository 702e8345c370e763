import { defineMethod, overall, perModel } from '../method.ts'
import { dropped } from './drop.ts'
import { weightedSum } from './weighted-sum.ts'

/** W₀ + λ Σᵢ wᵢ DARE(Wᵢ − W₀): task arithmetic of differences that were dropped and rescaled (Yu et al., 2024, arXiv 2311.03099). */
export const dareLinear = defineMethod('dare_linear', {
  parameters: { density: perModel(0.5, { min: 0, max: 1, above: true }), weight: perModel(1), lambda: overall(1) },
  base: 'required',
  combine: (tensors, { density, weight, lambda }) =>
    tensors.base.add(weightedSum(dropped(tensors, density), weight), { alpha: lambda }),
})
