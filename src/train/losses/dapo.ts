import { type Loss, tokenMean } from './loss.ts'
import { type PolicyOptions, tokenObjective } from './policy.ts'

/** DAPO (arXiv 2503.14476, equation 8): GRPO's ratios, the mean over all tokens of the batch, so that long replies count by their length. */
export const dapo =
  (options: PolicyOptions): Loss =>
  (inputs) => {
    const { objective, reported } = tokenObjective(inputs, options)
    return { loss: tokenMean(objective, inputs.mask).neg(), ...reported }
  }
