import type { Loss } from './loss.ts'
import { type PolicyOptions, tokenObjective } from './policy.ts'

/**
 * Dr. GRPO (arXiv 2503.20783): the sum over tokens divided by a constant, the longest completion there can be, so that no reply gains by its length.
 * Its advantages are not divided by the deviation of the group (`scaleRewards: false`).
 */
export const drGrpo =
  (options: PolicyOptions): Loss =>
  (inputs) => {
    const { objective, reported } = tokenObjective(inputs, options)
    const sums = objective.mul(inputs.mask).sum(-1)
    return { loss: sums.div(options.maxCompletionLength).mean().neg(), ...reported }
  }
