import { z } from 'zod'
import { check } from '../../check.ts'
import type { Reward } from './reward.ts'

const LengthOptions = z
  .strictObject({
    min: z.int().min(0).default(0),
    max: z.int().min(1),
    slack: z.int().min(1).optional(),
  })
  .refine(({ min, max }) => min <= max, 'min ≤ max')

export interface LengthOptions {
  /** Fewest tokens of full reward. Default 0. */
  min?: number
  /** Most tokens of full reward. */
  max: number
  /** How many tokens outside the reward falls to 0. Default `max`. */
  slack?: number
}

/** 1 for a completion of `min` to `max` tokens, falling evenly to 0 at `slack` tokens below or above. */
export function length(options: LengthOptions): Reward {
  const { min, max, slack = max } = check(LengthOptions, options)
  return (_sample, { tokenIds }) => {
    const outside = Math.max(min - tokenIds.length, tokenIds.length - max, 0)
    return Math.max(0, 1 - outside / slack)
  }
}
