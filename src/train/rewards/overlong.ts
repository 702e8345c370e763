import { z } from 'zod'
import { check } from '../../check.ts'
import type { Reward } from './reward.ts'

const OverlongOptions = z
  .strictObject({ max: z.int().min(1), cache: z.int().min(1) })
  .refine(({ max, cache }) => cache <= max, 'cache ≤ max')

export interface OverlongOptions {
  /** Most tokens a completion may have. */
  max: number
  /** Length of the interval below `max` in which the punishment grows. */
  cache: number
}

/** Soft overlong punishment (DAPO, arXiv 2503.14476, equation 13): 0 up to `max − cache` tokens, then falling evenly to −1 at `max`. */
export function overlong(options: OverlongOptions): Reward {
  const { max, cache } = check(OverlongOptions, options)
  return (_sample, { tokenIds }) => {
    const beyond = tokenIds.length - (max - cache)
    return beyond <= 0 ? 0 : -Math.min(1, beyond / cache)
  }
}
