import { z } from 'zod'

/** One of several processes or machines that share a run's samples; `index` counts from 1. */
export const Shard = z
  .strictObject({ index: z.int().min(1), count: z.int().min(1) })
  .refine(({ index, count }) => index <= count, 'an index from 1 to count')
export type Shard = z.infer<typeof Shard>

/** The samples of a shard: a stretch of the list, so that the shards one after another are the list. */
export function shardOf<Sample>(samples: readonly Sample[], shard: Shard | undefined): Sample[] {
  if (!shard) return [...samples]
  const { index, count } = shard
  const bound = (i: number) => Math.floor((i * samples.length) / count)
  return samples.slice(bound(index - 1), bound(index))
}

/** What a run's config says of it; nothing for a whole run, so that gathered shards have the config of one. */
export function shardArgument(shard: Shard | undefined): { shard?: string } {
  return shard ? { shard: `${shard.index}/${shard.count}` } : {}
}
