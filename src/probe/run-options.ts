import { z } from 'zod'
import type { Progress } from '../run/progress.ts'
import { Shard } from '../run/shard.ts'

/** What every probe is told about the run it makes. */
export const runOptions = {
  /** One of several processes that share the samples; `gather` puts their results together. */
  shard: Shard.optional(),
  /** Directory of the result files; without it nothing is kept. */
  out: z.string().optional(),
  /** Delete the run found there instead of continuing it. */
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(progress: Progress) => void>((value) => typeof value === 'function', 'a function').optional(),
}
