import { readFileSync } from 'node:fs'
import path from 'node:path'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { tiny } from '../native/models.ts'
import { temporaryDirectory } from '../native/temporary.ts'

export const tinyConfig = JSON.parse(readFileSync(path.join(tiny, 'config.json'), 'utf8')) as Record<string, unknown>

/** Base, IN and RL of the tiny shape, five decoder layers and four vision blocks. */
export async function trio(
  options: { dtype?: 'float32' | 'bfloat16'; layout?: 'hub' | 'nested'; maxShardBytes?: number } = {},
) {
  const root = temporaryDirectory()
  const make = async (name: string, seed: number) =>
    (
      await initCheckpoint({
        config: tinyConfig,
        seed,
        dtype: 'float32',
        std: 0.05,
        out: path.join(root, name),
        ...options,
      })
    ).directory
  return { root, base: await make('base', 1), in: await make('in', 2), rl: await make('rl', 3) }
}

/** The bytes of every parameter, by internal name. */
export async function parametersOf(directory: string): Promise<Map<string, Buffer>> {
  const { entries } = await openCheckpoint(directory)
  const files = new Map<string, Buffer>()
  return new Map(
    [...entries.values()].map(({ name, file, begin, end }) => {
      if (!files.has(file)) files.set(file, readFileSync(file))
      return [name, files.get(file)!.subarray(begin, end)]
    }),
  )
}
