import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { error, messageOf } from '../../errors.ts'

/** Decoded pixels, rows from the top, channels interleaved: grey, grey and alpha, RGB, or RGBA; 8 bits each. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray
  width: number
  height: number
  channels: 1 | 2 | 3 | 4
}

/** A path, a `file:`, `http(s):` or `data:` URL, the bytes of an image file, or decoded pixels. */
export type ImageSource = string | URL | Uint8Array | RawImage

export const ImageSource: z.ZodType<ImageSource> = z.union(
  [
    z.string().min(1),
    z.instanceof(URL),
    z.instanceof(Uint8Array),
    z.strictObject({
      data: z.union([z.instanceof(Uint8Array), z.instanceof(Uint8ClampedArray)]),
      width: z.int().min(1),
      height: z.int().min(1),
      channels: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]),
    }),
  ],
  { error: 'a path, a URL, the bytes of an image file, or { data, width, height, channels }' },
)

const kinds = ['path', 'http', 'data', 'memory'] as const

export const ImageOptions = z.strictObject({
  /** Where images may come from; default everywhere. A server that takes messages from strangers leaves out `path` and `http`. */
  sources: z.array(z.enum(kinds)).default([...kinds]),
  /** Largest download in bytes; default 64 MiB. */
  maxBytes: z
    .int()
    .min(1)
    .default(64 * 2 ** 20),
  /** Longest download in milliseconds; default 30 s. */
  timeoutMs: z.int().min(1).default(30_000),
  /** Largest decoded image in pixels (an animation: all frames together); the default is where Pillow refuses. */
  maxDecodedPixels: z.int().min(1).default(178_956_970),
  signal: z.instanceof(AbortSignal).optional(),
})
export type ImageOptions = z.input<typeof ImageOptions>
export type CheckedImageOptions = z.output<typeof ImageOptions>

/** Throws `ERR_IMAGE` unless `options.sources` has the kind of `source`. */
export function requireAllowed(source: ImageSource, options: CheckedImageOptions, name: string): void {
  const kind = kindOf(source)
  if (options.sources.includes(kind)) return
  throw error(
    'ERR_IMAGE',
    `Cannot read ${name}: expected an image from ${options.sources.join(', ')} but received one from ${kind} (option sources)`,
  )
}

function kindOf(source: ImageSource): (typeof kinds)[number] {
  if (typeof source !== 'string' && !(source instanceof URL)) return 'memory'
  if (String(source).startsWith('data:')) return 'data'
  return isHttp(String(source)) ? 'http' : 'path'
}

export function isRawImage(source: ImageSource): source is RawImage {
  return typeof source === 'object' && 'channels' in source
}

/** How an error calls a source: short, and without what a URL may keep secret in its query. */
export function nameOf(source: ImageSource): string {
  if (isRawImage(source)) return `raw image of ${source.width} × ${source.height} pixels`
  if (source instanceof Uint8Array) return `image of ${source.length} bytes`
  const text = String(source)
  if (text.startsWith('data:')) return `image in a data: URL of ${text.length} characters`
  if (isHttp(text) && URL.canParse(text)) {
    const { origin, pathname } = new URL(text)
    return `image '${origin}${pathname}'`
  }
  return `image '${text.length > 200 ? `${text.slice(0, 197)}…` : text}'`
}

/** The bytes of the file that `source` names. Throws `ERR_IMAGE` when they cannot be had or are not allowed. */
export async function readSource(
  source: Exclude<ImageSource, RawImage>,
  options: CheckedImageOptions,
  name: string,
): Promise<Uint8Array> {
  requireAllowed(source, options, name)
  if (source instanceof Uint8Array) return source
  const text = String(source)
  switch (kindOf(source)) {
    case 'data':
      return readDataUrl(text, name)
    case 'http':
      return download(text, options, name)
    default:
      return readPath(text, name)
  }
}

async function readPath(text: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(text.startsWith('file:') ? fileURLToPath(text) : text)
  } catch (cause) {
    const reasons: Record<string, string> = {
      ENOENT: 'no such file',
      EISDIR: 'it is a directory',
      EACCES: 'permission denied',
      ENAMETOOLONG: 'no such file (base64 needs the prefix data:image/png;base64,)',
    }
    const code = (cause as NodeJS.ErrnoException).code ?? ''
    throw error('ERR_IMAGE', `Cannot read ${name}: ${reasons[code] ?? messageOf(cause)}`, { cause })
  }
}

function readDataUrl(url: string, name: string): Uint8Array {
  const comma = url.indexOf(',')
  if (comma < 0) throw error('ERR_IMAGE', `Cannot read ${name}: a data: URL needs a comma before its data`)
  const payload = url.slice(comma + 1)
  if (!/;\s*base64\s*$/i.test(url.slice(0, comma))) return decodePercent(payload, name)
  const base64 = payload.includes('%') ? Buffer.from(decodePercent(payload, name)).toString('latin1') : payload
  const compact = base64.replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact)) {
    throw error('ERR_IMAGE', `Cannot read ${name}: its data is not base64`)
  }
  return Buffer.from(compact, 'base64')
}

function decodePercent(payload: string, name: string): Uint8Array {
  if (/%(?![0-9a-f]{2})/i.test(payload)) throw error('ERR_IMAGE', `Cannot read ${name}: a broken % escape in its data`)
  return Buffer.from(
    payload.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

async function download(url: string, options: CheckedImageOptions, name: string): Promise<Uint8Array> {
  const { maxBytes, timeoutMs, signal } = options
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout })
    if (!response.ok) {
      await response.body?.cancel()
      throw error('ERR_IMAGE', `Cannot read ${name}: the server answered ${response.status} ${response.statusText}`)
    }
    return await readBody(response, maxBytes, name)
  } catch (cause) {
    if (signal?.aborted) throw error('ERR_ABORTED', `Reading ${name} was aborted`, { cause })
    if (timeout.aborted) {
      throw error('ERR_IMAGE', `Cannot read ${name}: no answer within ${timeoutMs} ms (option timeoutMs)`, { cause })
    }
    if ((cause as { code?: string }).code === 'ERR_IMAGE') throw cause
    // fetch says only "fetch failed"; the reason is one level down
    throw error('ERR_IMAGE', `Cannot read ${name}: ${messageOf((cause as Error).cause ?? cause)}`, { cause })
  }
}

async function readBody(response: Response, maxBytes: number, name: string): Promise<Uint8Array> {
  const tooLarge = () =>
    error('ERR_IMAGE', `Cannot read ${name}: it is larger than ${maxBytes} bytes (option maxBytes)`)
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes) {
    await response.body?.cancel()
    throw tooLarge()
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function isHttp(text: string): boolean {
  return /^https?:\/\//i.test(text)
}
