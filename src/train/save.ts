import { createReadStream } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Checkpoint, type Entry, openCheckpoint } from '../checkpoint/checkpoint.ts'
import { replaceDirectory } from '../checkpoint/output-directory.ts'
import { writeWeights } from '../checkpoint/writer.ts'
import type { Trainer } from './trainer.ts'

// Model cards, tokenizers and the like.
const sideFileBytes = 32 << 20

/**
 * Writes the model as trained so far as a Hugging Face directory: parameters under the names and in the dtypes of the checkpoint it comes from, frozen
 * ones byte by byte, its tokenizer and processor, and `card` as README.md. An older directory is replaced when the new one is complete.
 */
export async function saveModel(
  directory: string,
  trainer: Trainer,
  card: string,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const checkpoint = await openCheckpoint(trainer.model.directory)
  const trained = new Set(trainer.names)
  async function* bytes(entry: Entry): AsyncIterable<Uint8Array> {
    if (!trained.has(entry.name)) return yield* storedBytes(entry)
    using value = (await trainer.get(entry.name))!
    using stored = await value.to(entry.dtype)
    yield await stored.bytes()
  }
  await replaceDirectory(directory, sizeOf(checkpoint) + sideFileBytes, async (temporary) => {
    for (const file of checkpoint.sideFiles) {
      if (!/^README/i.test(path.basename(file))) await copyFile(file, path.join(temporary, path.basename(file)))
    }
    await writeFile(path.join(temporary, 'README.md'), card)
    await writeWeights(temporary, [...checkpoint.entries.values()], bytes, options)
  })
}

/** The bytes of a stored parameter. */
export async function* storedBytes({ file, begin, end }: Entry): AsyncIterable<Uint8Array> {
  if (begin < end) yield* createReadStream(file, { start: begin, end: end - 1, highWaterMark: 4 << 20 })
}

function sizeOf({ entries }: Checkpoint): number {
  return [...entries.values()].reduce((sum, { begin, end }) => sum + end - begin, 0)
}
