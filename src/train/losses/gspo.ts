import { type Loss, sequenceMean } from './loss.ts'
import { clippedSurrogate, divergence, logRatios, type PolicyOptions, reports } from './policy.ts'

/** GSPO (arXiv 2507.18071, equations 5 and 7): one ratio a sequence, the geometric mean of its tokens' ratios, clipped as a whole. */
export const gspo =
  (options: PolicyOptions): Loss =>
  (inputs) => {
    const { mask, advantages } = inputs
    const ratio = logRatios(inputs).sum(-1).div(mask.sum(-1)).exp() // [completions]
    const surrogate = clippedSurrogate(ratio, advantages, options)
    const kl = options.beta === 0 ? undefined : divergence(inputs, options.kl)
    const mean = surrogate.objective.mean()
    const objective = kl ? mean.sub(sequenceMean(kl, mask).mul(options.beta)) : mean
    return { loss: objective.neg(), ...reports(inputs, { ...surrogate, weight: advantages.mul(0).add(1) }, kl) }
  }
