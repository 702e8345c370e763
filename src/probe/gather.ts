import { z } from 'zod'
import { check, expected } from '../check.ts'
import { readShards, replay } from '../run/gather.ts'
import { finishAttention } from './attention.ts'
import { finishReasoning } from './reasoning.ts'
import { finishVision } from './vision.ts'

const GatherOptions = z.strictObject({
  out: z.string(),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
})
export type GatherOptions = z.input<typeof GatherOptions>

export interface Gathered {
  command: string
  samples: number
  failures: number
}

/**
 * Puts the shards of a probe together at `out`: the files of a run that was never split, byte for byte, apart from its journal and timings. Throws
 * `ERR_RUN_MISMATCH` for shards that are missing, unfinished, given twice or of different runs.
 */
export async function gather(directories: readonly string[], options: GatherOptions): Promise<Gathered> {
  const checked = check(GatherOptions, options)
  const shards = await readShards(check(z.array(z.string()).min(1), directories, 'directories'))
  const { command } = shards.config
  if (!['probe vision', 'probe reasoning', 'probe attention'].includes(command))
    throw expected('shards of a probe', 'directories', command)
  await using run = await replay(shards, checked)
  if (command === 'probe vision')
    await finishVision(
      run,
      shards.samples.map(({ id }) => id),
    )
  else if (command === 'probe reasoning') await finishReasoning(run)
  else await finishAttention(run)
  return { command, samples: shards.samples.length, failures: (await run.failures()).length }
}
