import { createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { Readable, Transform, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../errors.ts'

export interface DownloadOptions {
  /** Size of the whole file in bytes. */
  bytes: number
  /** Sent to the host of the URL; of them, `authorization` does not follow a redirect to another host. */
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
  /** Milliseconds without a byte after which a connection counts as broken; default 60 000. */
  stall?: number
  /** Attempts without progress before giving up; default 5. */
  attempts?: number
  /** Milliseconds before the second attempt; they double with each one. Default 500. */
  pause?: number
}

/** The site never offered the file: another source may be tried. */
export class Unreachable extends Error {}

/** The transfer kept breaking; what has arrived stays in the file. */
export class Interrupted extends Error {}

/**
 * Downloads `url` to `file`, going on where an earlier, broken download of it stopped.
 * Throws `Unreachable` when the site never offers the file, `Interrupted` when the transfer keeps breaking, and the reason of an aborted `signal`; what has
 * arrived stays for the next call.
 */
export async function download(url: string, file: string, options: DownloadOptions): Promise<void> {
  const { bytes, signal, attempts = 5, pause = 500 } = options
  let reached = false
  let have = await sizeOf(file)
  for (let failures = 0; have !== bytes; ) {
    const broken = await transfer(url, file, have, options)
    signal?.throwIfAborted()
    const after = await sizeOf(file)
    if (after === bytes) return
    reached ||= broken.reached
    failures = after > have ? 0 : failures + 1
    have = after
    if (broken.final || failures >= attempts) {
      if (!reached) throw new Unreachable(broken.reason)
      throw new Interrupted(
        `Expected ${bytes} bytes from ${url} but received ${have} (${broken.reason}); they are kept in ${file}`,
      )
    }
    await delay(pause * 2 ** failures, undefined, { signal })
  }
}

interface Broken {
  /** Whether the server had begun to send the file. */
  reached: boolean
  /** Whether another attempt is pointless. */
  final: boolean
  reason: string
}

// One connection: appends what the server sends from byte `from` on, and says why it ended.
async function transfer(url: string, file: string, from: number, options: DownloadOptions): Promise<Broken> {
  const { bytes, onProgress, stall = 60_000 } = options
  const watchdog = new Watchdog(stall)
  const signal = options.signal ? AbortSignal.any([options.signal, watchdog.signal]) : watchdog.signal
  let reached = false
  try {
    const range = from > 0 && { range: `bytes=${from}-` }
    const response = await fetch(url, {
      headers: { ...options.headers, 'accept-encoding': 'identity', ...range },
      signal,
    })
    const refusal = refusalOf(response, from, bytes)
    if (refusal || !response.body) {
      await response.body?.cancel()
      // The range lies outside the server's file: what is here belongs to another one.
      if (response.status === 416) await rm(file, { force: true })
      const final = response.status < 500 && response.status !== 416
      return { reached, final, reason: refusal ?? 'an empty answer' }
    }
    reached = true
    const resumed = response.status === 206
    let done = resumed ? from : 0
    const count = new Transform({
      transform(chunk: Buffer, _encoding, callback: TransformCallback) {
        watchdog.feed()
        done += chunk.length
        onProgress?.(done, bytes)
        callback(null, chunk)
      },
    })
    const output = createWriteStream(file, { flags: resumed ? 'a' : 'w' })
    await pipeline(Readable.fromWeb(response.body as ReadableStream), count, output)
    return { reached, final: false, reason: 'the connection ended early' }
  } catch (cause) {
    if (isFileError(cause)) throw cause
    const { code, message } = networkError(cause)
    return { reached, final: code === 'ENOTFOUND' || code === 'ECONNREFUSED', reason: message }
  } finally {
    watchdog.stop()
  }
}

function refusalOf(response: Response, from: number, bytes: number): string | undefined {
  if (!response.ok) return `HTTP status ${response.status}`
  const start = response.status === 206 ? Number(response.headers.get('content-range')?.match(/^bytes (\d+)-/)?.[1]) : 0
  if (response.status === 206 && start !== from) return `asked for byte ${from}, got byte ${start}`
  const length = response.headers.get('content-length')
  const offered = length === null ? bytes : start + Number(length)
  return offered === bytes ? undefined : `the server offers a file of ${offered} bytes`
}

/** Aborts `signal` when it has not been fed for `limit` milliseconds. */
class Watchdog {
  readonly #abort = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(limit: number) {
    this.#timer = setTimeout(() => this.#abort.abort(new Error(`no byte for ${limit / 1000} s`)), limit)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  feed(): void {
    this.#timer.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

// `fetch failed` alone says nothing; its cause names the host or the refusal.
function networkError(thrown: unknown): { code?: string; message: string } {
  const cause = thrown instanceof Error && thrown.cause ? thrown.cause : thrown
  return { code: (cause as NodeJS.ErrnoException).code, message: messageOf(cause) }
}

// Errors of the network arrive wrapped by fetch; one with a system call of its own is the file's.
function isFileError(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    ['open', 'write', 'close', 'unlink'].includes((thrown as NodeJS.ErrnoException).syscall ?? '')
  )
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw cause
  }
}
