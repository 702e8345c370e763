import { type Loss, sequenceMean } from './loss.ts'
import { type PolicyOptions, tokenObjective } from './policy.ts'

/** GRPO (arXiv 2402.03300, equation 3): ratios clipped token by token, the mean over sequences of their token means. */
export const grpo =
  (options: PolicyOptions): Loss =>
  (inputs) => {
    const { objective, reported } = tokenObjective(inputs, options)
    return { loss: sequenceMean(objective, inputs.mask).neg(), ...reported }
  }
