import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { download, Interrupted, Unreachable } from '../download/download.ts'
import { withLock } from '../download/lock.ts'
import { error } from '../errors.ts'
import type { RemoteFile } from './client.ts'

export interface BlobOptions {
  headers: Readonly<Record<string, string>>
  signal?: AbortSignal
  onProgress?: (done: number) => void
}

/**
 * Brings a file into `blobs`, under its etag, going on from what an earlier attempt left in `<etag>.incomplete`, and compares it with that
 * etag. Of several processes one fetches and the others wait. Throws `ERR_HUB`; what has arrived stays, unless it is wrong.
 */
export async function fetchBlob(
  file: RemoteFile,
  { blobs, locks }: { blobs: string; locks: string },
  options: BlobOptions,
): Promise<void> {
  const { etag, size } = file
  const blob = join(blobs, etag)
  await Promise.all([blobs, locks].map((folder) => mkdir(folder, { recursive: true })))
  if ((await sizeOf(blob)) === size) return
  // Python's locks of the same folder are held by flock(2), which Node lacks: another name, not to be taken for one of those.
  const lock = join(locks, `${etag}.frankentorch`)
  await withLock(
    lock,
    async () => {
      if ((await sizeOf(blob)) === size) return
      const part = `${blob}.incomplete`
      const continued = ((await sizeOf(part)) ?? 0) > 0
      await fetchPart(file, part, options)
      // What was begun elsewhere may be wrong without our doing.
      if (continued && !(await matches(part, file))) await fetchPart(file, await emptied(part), options)
      if (!(await matches(part, file))) {
        await rm(part)
        throw error(
          'ERR_HUB',
          `Expected ${file.name} from ${file.url} to have the hash ${etag} but its ${size} bytes have another; they were removed. Try again`,
        )
      }
      await rename(part, blob)
    },
    { signal: options.signal },
  )
}

async function fetchPart(file: RemoteFile, part: string, { headers, signal, onProgress }: BlobOptions): Promise<void> {
  await writeFile(part, '', { flag: 'a' })
  try {
    await download(file.url, part, { bytes: file.size, headers, signal, onProgress })
  } catch (thrown) {
    if (thrown instanceof Interrupted) {
      throw error('ERR_HUB', `${thrown.message}. The same command goes on from there`, { cause: thrown })
    }
    if (thrown instanceof Unreachable) {
      throw error('ERR_HUB', `${file.url} cannot be fetched: ${thrown.message}`, { cause: thrown })
    }
    throw thrown
  }
}

async function emptied(part: string): Promise<string> {
  await rm(part)
  return part
}

async function matches(part: string, { etag, size }: RemoteFile): Promise<boolean> {
  const hash = hashOf(etag, size)
  // A site that is no Hub may have etags that are no hashes; then the size must do.
  if (!hash) return true
  await pipeline(createReadStream(part, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex') === etag
}

function hashOf(etag: string, size: number) {
  if (/^[0-9a-f]{64}$/.test(etag)) return createHash('sha256')
  if (/^[0-9a-f]{40}$/.test(etag)) return createHash('sha1').update(`blob ${size}\0`)
  return undefined
}

async function sizeOf(file: string): Promise<number | undefined> {
  return await stat(file).then(
    ({ size }) => size,
    () => undefined,
  )
}
