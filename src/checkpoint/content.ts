import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { error } from '../errors.ts'
import type { Entry } from './checkpoint.ts'
import type { ModelConfig } from './config.ts'

const chunkBytes = 4 << 20
const sampleBytes = 4096

/** SHA-256, hexadecimal, over the config and the parameters in the order of their internal names. */
export async function contentHash(
  config: ModelConfig,
  entries: Iterable<Entry>,
  signal?: AbortSignal,
): Promise<string> {
  return await hashEntries(config, entries, async (hash, handle, { begin, end }) => {
    for await (const chunk of chunks(handle, begin, end)) {
      if (signal?.aborted) throw error('ERR_ABORTED', 'Hashing the checkpoint was aborted', { cause: signal.reason })
      hash.update(chunk)
    }
  })
}

/** The same over the middle 4 KiB of each parameter. */
export async function fingerprint(config: ModelConfig, entries: Iterable<Entry>): Promise<string> {
  return await hashEntries(config, entries, async (hash, handle, { begin, end }) => {
    const length = Math.min(sampleBytes, end - begin)
    const start = begin + Math.floor((end - begin - length) / 2)
    for await (const chunk of chunks(handle, start, start + length)) hash.update(chunk)
  })
}

/** Whether two parameters hold the same bytes. */
export async function sameBytes(one: Entry, other: Entry): Promise<boolean> {
  if (one.dtype !== other.dtype || one.end - one.begin !== other.end - other.begin) return false
  await using files = openFiles()
  const left = chunks(await files.open(one.file), one.begin, one.end)
  const right = chunks(await files.open(other.file), other.begin, other.end)
  for await (const chunk of left) {
    const { value } = await right.next()
    if (!value || !chunk.equals(value)) return false
  }
  return true
}

async function hashEntries(
  config: ModelConfig,
  entries: Iterable<Entry>,
  update: (hash: Hash, handle: FileHandle, entry: Entry) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(config))
  await using files = openFiles()
  for (const entry of [...entries].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(`\n${entry.name} ${entry.dtype} [${entry.shape}]\n`)
    await update(hash, await files.open(entry.file), entry)
  }
  return hash.digest('hex')
}

/** The bytes [begin, end) of a file. A chunk is valid until the next one is asked for. */
async function* chunks(handle: FileHandle, begin: number, end: number): AsyncGenerator<Buffer, void, void> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, end - begin))
  for (let at = begin; at < end; ) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, end - at))
    for (let done = 0; done < chunk.length; ) {
      const { bytesRead } = await handle.read(chunk, done, chunk.length - done, at + done)
      if (bytesRead === 0) throw error('ERR_CHECKPOINT_CORRUPT', 'A weight file became shorter while it was being read')
      done += bytesRead
    }
    yield chunk
    at += chunk.length
  }
}

function openFiles() {
  const handles = new Map<string, FileHandle>()
  return {
    async open(file: string): Promise<FileHandle> {
      const handle = handles.get(file) ?? (await open(file))
      handles.set(file, handle)
      return handle
    },
    async [Symbol.asyncDispose]() {
      for (const handle of handles.values()) await handle.close()
    },
  }
}
