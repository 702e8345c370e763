import type { Expression } from '../../tensor/expression.ts'

/** What a loss is made of: right-padded [completions, tokens] float32 (float64 for a model in float64), but for the advantages. */
export interface LossInputs {
  /** log p(token) under the model being trained; gradients flow into it. */
  readonly logprobs: Expression
  /** The same under the policy that sampled; without any given, `logprobs` held constant. */
  readonly old: Expression
  /** The same under the reference model. */
  readonly ref: Expression
  /** [completions] */
  readonly advantages: Expression
  /** 1 for a token of the completion, 0 behind its end. */
  readonly mask: Expression
  /** Of the distribution each token was drawn from, in nats; constant for gradients. */
  readonly entropy: Expression
}

/** A loss of one element, and numbers to report beside it. */
export type LossResult = { loss: Expression } & Record<string, Expression>

/** Records a loss once; the engine runs it, and its backward pass, where the log-probabilities are. */
export type Loss = (inputs: LossInputs) => Expression | LossResult

/** Mean over sequences of the mean over their tokens. */
export function sequenceMean(values: Expression, mask: Expression): Expression {
  return values.mul(mask).sum(-1).div(mask.sum(-1)).mean()
}

/** Mean over all tokens of the batch. */
export function tokenMean(values: Expression, mask: Expression): Expression {
  return values.mul(mask).sum().div(mask.sum())
}
