import type { Expression } from '../../tensor/expression.ts'
import { ops } from '../../tensor/ops.ts'
import { defineMethod, overall } from '../method.ts'
import { weightedSum } from './weighted-sum.ts'

/**
 * RAM, Reinforced Agent Merging (Yuan et al., 2026, arXiv 2601.13572): reinforcement learning changes few elements, and each model others. What
 * one model alone changed (|δ| > ε) is taken whole, what several changed is the mean of theirs, what none changed stays: the authors' RAM+ with
 * a factor of 1 for what is unique, and mergekit's `ram`, with its ε. RAM+ itself, which rescales what is unique, is not offered.
 */
export const ram = defineMethod('ram', {
  parameters: { epsilon: overall(1e-5, { min: 0 }) },
  base: 'required',
  combine: ({ base, deltas }, { epsilon }) => {
    const changed = deltas.map((delta) => ops.where(delta.abs().gt(epsilon), delta, 0) as Expression)
    const ones = changed.map(() => 1)
    const counts = weightedSum(
      changed.map((delta) => delta.ne(0).to('float32') as Expression),
      ones,
    )
    return base.add(weightedSum(changed, ones).div(counts.clamp_min(1)))
  },
})
