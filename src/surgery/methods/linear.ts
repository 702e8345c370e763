import { defineMethod, flag, perModel } from '../method.ts'
import { requireSum, weightedSum } from './weighted-sum.ts'

/**
 * Σᵢ wᵢ Wᵢ: weighted average of parameters, as in model soups (Wortsman et al., 2022, arXiv 2203.05482). The weights count as they are
 * given; with `normalize` they are divided by their sum.
 */
export const linear = defineMethod('linear', {
  parameters: { weight: perModel(1), normalize: flag(false) },
  base: 'none',
  combine: ({ models }, { weight, normalize }) => {
    const total = normalize ? weight.reduce((sum, w) => sum + w, 0) : 1
    return weightedSum(
      models,
      weight.map((w) => w / total),
    )
  },
  require: ({ weight, normalize }) => normalize && requireSum('linear', weight),
})
