import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../../check.ts'
import { error } from '../../errors.ts'
import { Difficulty } from './difficulty.ts'
import { buildDirectory, manifestFile } from './directory.ts'
import { entries, type Plan } from './entries.ts'
import { WorldFiles } from './files.ts'
import { swapTasksOf } from './swap.ts'

export const WorldOptions = z.strictObject({
  out: z.string().min(1),
  seed: z.int().min(0).default(0),
  train: z.int().min(0).default(4000),
  test: z.int().min(0).default(600),
  pairs: z.int().min(0).default(50),
  blank: z.number().min(0).max(1).default(0.5),
  guess: z.number().min(0).max(1).default(0),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(progress: WorldProgress) => void>((value) => typeof value === 'function').optional(),
  ...Difficulty.shape,
})

/** Every option of `Difficulty`, and: */
export interface WorldOptions extends z.input<typeof Difficulty> {
  /** The directory to make. It must not exist, be empty, or hold a world to overwrite. */
  out: string
  /** Default 0. The same seed and options give the same files, byte for byte. */
  seed?: number
  /** Training samples. Default 4000. */
  train?: number
  /** Samples held out of training. Default 600. */
  test?: number
  /** Swap pairs of each of the four tasks. Default 50. */
  pairs?: number
  /**
   * Share of the text-only training questions asked beside a black image, 0 to 1. M_v2r asks them so, and a model that
   * never saw a black image does not know to read on. Default 0.5.
   */
  blank?: number
  /**
   * Share of the cold start's replies that are a wrong answer with no thought before it, 0 to 1: a model that imitates them has something to
   * gain from rewards. Default 0.
   */
  guess?: number
  /** Replace a world found at `out`. Default false. */
  overwrite?: boolean
  signal?: AbortSignal
  onProgress?: (progress: WorldProgress) => void
}

export interface WorldProgress {
  /** Samples and pairs finished. */
  done: number
  total: number
}

export interface WorldResult {
  out: string
  /** Lines of each data file, by its path in `out`. */
  records: Record<string, number>
  images: number
}

/**
 * Draws a world of images with questions in the three families of arXiv 2602.12395, and swap pairs for its vision probe, and writes it
 * to `out`, which appears when it is complete. Throws `ERR_OUTPUT` where `out` is in the way, `ERR_ABORTED` by `signal`.
 */
export async function world(options: WorldOptions): Promise<WorldResult> {
  const { out, overwrite, signal, onProgress, ...rest } = check(WorldOptions, options)
  const { seed, train, test, pairs, blank, guess, ...choices } = rest
  const plan: Plan = { seed, train, test, pairs, blank, guess, difficulty: check(Difficulty, choices) }
  return buildDirectory(out, overwrite, async (directory) => {
    const files = new WorldFiles(directory)
    const total = train + test + pairs * swapTasksOf(plan.difficulty).length
    let done = 0
    for (const chunk of chunks(entries(plan), 64)) {
      if (signal?.aborted) throw error('ERR_ABORTED', `Writing the world ${out} was aborted after ${done} of ${total}`)
      await files.write(chunk)
      done += chunk.length
      onProgress?.({ done, total })
    }
    const { records, images } = files
    const manifest = { schema: 1, ...rest, records, images }
    await writeFile(join(directory, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`)
    return { out, records, images }
  })
}

function* chunks<T>(values: Iterable<T>, length: number): Generator<T[]> {
  let chunk: T[] = []
  for (const value of values) {
    if (chunk.push(value) < length) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
