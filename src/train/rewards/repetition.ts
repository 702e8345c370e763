import { z } from 'zod'
import { check } from '../../check.ts'
import type { Reward } from './reward.ts'

const RepetitionOptions = z.strictObject({
  size: z.int().min(1).default(3),
  penalty: z.number().max(0).default(-1),
})

export interface RepetitionOptions {
  /** Tokens of an n-gram. Default 3. */
  size?: number
  /** Reward of a completion that only repeats itself, at most 0. Default -1. */
  penalty?: number
}

/** `penalty` times the share of n-grams of tokens that occurred before in the completion (arXiv 2502.03373); 0 where nothing repeats. */
export function repetition(options: RepetitionOptions = {}): Reward {
  const { size, penalty } = check(RepetitionOptions, options)
  return (_sample, { tokenIds }) => {
    const count = tokenIds.length - size + 1
    if (count <= 0) return 0
    const different = new Set(Array.from({ length: count }, (_, i) => tokenIds.slice(i, i + size).join()))
    const repeated = 1 - different.size / count
    return repeated === 0 ? 0 : penalty * repeated
  }
}
