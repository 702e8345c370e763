import { type Loss, tokenMean } from './loss.ts'

/** Maximum likelihood: minus the mean log-probability of the assistant's tokens over the whole batch. */
export const sft: Loss = ({ logprobs, mask }) => tokenMean(logprobs, mask).neg()
