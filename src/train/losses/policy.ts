import type { Expression } from '../../tensor/expression.ts'
import { type LossInputs, tokenMean } from './loss.ts'

/** In the names of TRL's GRPOConfig. */
export interface PolicyOptions {
  /** How far below 1 a ratio still counts. */
  epsilon: number
  /** How far above 1 (clip-higher, arXiv 2503.14476); default `epsilon`. */
  epsilonHigh?: number
  /** Weight of the divergence from the reference model; 0 needs none. */
  beta: number
  /** Estimator of that divergence. */
  kl: 'k1' | 'k2' | 'k3'
  /** Longest completion there can be: the constant that Dr. GRPO divides by. */
  maxCompletionLength: number
}

/** min(ratio · A, clip(ratio, 1 − ε, 1 + ε_high) · A) (arXiv 1707.06347) and where it was clipped. `advantages` broadcasts to `ratio`. */
export function clippedSurrogate(ratio: Expression, advantages: Expression, options: PolicyOptions) {
  const { epsilon: low, epsilonHigh: high = low } = options
  const clipped = ratio.clamp(1 - low, 1 + high).mul(advantages)
  return {
    objective: ratio.mul(advantages).minimum(clipped),
    low: ratio.lt(1 - low).logical_and(advantages.lt(0)),
    high: ratio.gt(1 + high).logical_and(advantages.gt(0)),
  }
}

/** Estimates of KL(policy ‖ reference) by token (http://joschu.net/blog/kl-approx.html): k1 = −log r, k2 = (log r)² / 2, k3 = r − 1 − log r; r = p_ref / p. */
export function divergence({ logprobs, ref }: LossInputs, kind: PolicyOptions['kl']): Expression {
  const logRatio = ref.sub(logprobs)
  if (kind === 'k1') return logRatio.neg()
  if (kind === 'k2') return logRatio.square().div(2)
  return logRatio.exp().sub(1).sub(logRatio)
}

/** Log-ratio of each token; GSPO and the reports want it, and it is 0 behind the end of a completion. */
export function logRatios({ logprobs, old, mask }: LossInputs): Expression {
  return logprobs.sub(old).mul(mask)
}

/** The objective of each token under ratios clipped token by token, and what to report of it. */
export function tokenObjective(inputs: LossInputs, options: PolicyOptions) {
  const surrogate = clippedSurrogate(logRatios(inputs).exp(), inputs.advantages.unsqueeze(1), options)
  const kl = options.beta === 0 ? undefined : divergence(inputs, options.kl)
  return {
    objective: kl ? surrogate.objective.sub(kl.mul(options.beta)) : surrogate.objective,
    reported: reports(inputs, { ...surrogate, weight: inputs.mask }, kl),
  }
}

/** What every policy loss reports. `low` and `high` say of each token (or sequence) whether it was clipped. */
export function reports(
  inputs: LossInputs,
  { low, high, weight }: { low: Expression; high: Expression; weight: Expression },
  kl: Expression | undefined,
): Record<string, Expression> {
  const share = (clipped: Expression) => clipped.to('float32').mul(weight).sum().div(weight.sum())
  return {
    clip_fraction_low: share(low),
    clip_fraction_high: share(high),
    entropy: tokenMean(inputs.entropy, inputs.mask),
    ...(kl ? { kl: tokenMean(kl, inputs.mask) } : {}),
  }
}
