import type { Metadata, Sharp, SharpOptions } from 'sharp'
import { check } from '../../check.ts'
import { error, messageOf } from '../../errors.ts'
import { hiddenColour } from './gif.ts'
import { decodedFormats, imageFormat, isDecoded } from './image-format.ts'
import {
  type CheckedImageOptions,
  ImageOptions,
  ImageSource,
  isRawImage,
  nameOf,
  type RawImage,
  readSource,
} from './image-source.ts'

/** 8-bit RGB, [height, width, 3]. */
export interface RgbImage {
  data: Uint8Array
  width: number
  height: number
}

/**
 * The pixels of an image, as `PIL.ImageOps.exif_transpose(Image.open(source)).convert('RGB')` has them: turned upright by
 * EXIF, embedded colour profiles ignored, alpha dropped without compositing, of several frames or pages the first. Greyscale,
 * palette, 1-bit, CMYK and 16-bit colour become 8-bit RGB. `name` is how errors call the image.
 * Throws `ERR_IMAGE` for anything else, `ERR_ABORTED` when `options.signal` ends a download.
 */
export async function decodeImage(source: ImageSource, options: ImageOptions = {}, name?: string): Promise<RgbImage> {
  const checked = check(ImageOptions, options, 'options')
  check(ImageSource, source, name ?? 'source', 'ERR_IMAGE')
  const called = name ?? nameOf(source)
  if (isRawImage(source)) return fromRaw(source, called)
  const bytes = await readSource(source, checked, called)
  const format = requireDecoded(bytes, called)
  const metadata = await readMetadata(bytes, called)
  requirePixels(metadata.width * metadata.height, checked, called)
  try {
    if (metadata.space === 'cmyk')
      return fromCmyk(await rawPixels((await upright(bytes)).pipelineColourspace('cmyk'), 'cmyk'))
    requireColour(metadata, called)
    if (format === 'GIF')
      return withoutHoles(await rawPixels((await upright(bytes)).ensureAlpha()), hiddenColour(bytes))
    const { data, width, height } = await rawPixels((await upright(bytes)).removeAlpha())
    return { data, width, height }
  } catch (cause) {
    throw unreadable(cause, called)
  }
}

/** The format of `bytes`. Throws `ERR_IMAGE` that names the format when it is not one decoded here. */
export function requireDecoded(bytes: Uint8Array, name: string): string {
  const format = imageFormat(bytes)
  if (isDecoded(format)) return format
  const list = `${decodedFormats.slice(0, -1).join(', ')} or ${decodedFormats.at(-1)}`
  if (bytes.length === 0) throw error('ERR_IMAGE', `Cannot read ${name}: it is empty`)
  throw error(
    'ERR_IMAGE',
    format?.endsWith('video')
      ? `Cannot read ${name}: it is a ${format}, which is not decoded here. Extract its frames and pass them as images`
      : `Cannot read ${name}: expected ${list} but found ${format ?? 'an unknown format'}`,
  )
}

/** Size, colour space and frames of an image file, without its pixels. */
export async function readMetadata(bytes: Uint8Array, name: string): Promise<Metadata> {
  try {
    return await (await openImage(bytes, {})).metadata()
  } catch (cause) {
    throw unreadable(cause, name)
  }
}

/** Throws `ERR_IMAGE` for an image that would unpack to more pixels than allowed (a decompression bomb). */
export function requirePixels(pixels: number, options: CheckedImageOptions, name: string): void {
  if (pixels <= options.maxDecodedPixels) return
  throw error(
    'ERR_IMAGE',
    `Cannot read ${name}: it has ${pixels} pixels, more than ${options.maxDecodedPixels} (option maxDecodedPixels)`,
  )
}

export function unreadable(cause: unknown, name: string): Error {
  if ((cause as { code?: string }).code === 'ERR_IMAGE') return cause as Error
  const reasons = messageOf(cause)
    .split('\n')
    .map((line) => line.trim())
  const reason = [...new Set(reasons)].filter(Boolean).join(' ').slice(0, 200)
  return error('ERR_IMAGE', `Cannot read ${name}: ${reason} (is the file complete?)`, { cause })
}

/**
 * sharp on `bytes`, imported at the first image: its library would take a third of the time that importing this package takes.
 * Sizes are checked elsewhere, with a message of ours.
 */
export async function openImage(bytes: Uint8Array, options: SharpOptions): Promise<Sharp> {
  const { default: sharp } = await import('sharp')
  return sharp(bytes, { limitInputPixels: false, ignoreIcc: true, ...options })
}

// Pillow reads files with harmless warnings, so those pass here too.
async function upright(bytes: Uint8Array): Promise<Sharp> {
  return (await openImage(bytes, { failOn: 'error' })).autoOrient()
}

async function rawPixels(image: Sharp, space = 'srgb'): Promise<RgbImage> {
  const { data, info } = await image.toColourspace(space).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}

function requireColour({ space, depth, channels }: Metadata, name: string): void {
  const grey16 = space === 'grey16' && channels === 1
  if (grey16) {
    throw error(
      'ERR_IMAGE',
      `Cannot read ${name}: it is 16-bit greyscale, which Pillow would saturate to white. Scale it to 8 bits first`,
    )
  }
  const bytes = depth === 'uchar' && (space === 'srgb' || space === 'b-w')
  const words = depth === 'ushort' && (space === 'rgb16' || space === 'grey16')
  if (!bytes && !words) {
    throw error(
      'ERR_IMAGE',
      `Cannot read ${name}: expected greyscale, RGB or CMYK but found ${space} with ${channels} channels of ${depth}`,
    )
  }
}

// Pillow's conversion, which knows no ink: the product of the complements, divided by 255 with rounding.
function fromCmyk({ data, width, height }: RgbImage): RgbImage {
  const rgb = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; to < rgb.length; from += 4) {
    const white = 255 - data[from + 3]!
    for (let channel = 0; channel < 3; channel++) {
      const product = data[from + channel]! * white + 128
      rgb[to++] = Math.max(0, white - (((product >> 8) + product) >> 8))
    }
  }
  return { data: rgb, width, height }
}

// rgba: [height, width, 4]
function withoutHoles({ data, width, height }: RgbImage, colour: [number, number, number]): RgbImage {
  const rgb = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; to < rgb.length; from += 4) {
    const hidden = data[from + 3] === 0
    for (let channel = 0; channel < 3; channel++) rgb[to++] = hidden ? colour[channel]! : data[from + channel]!
  }
  return { data: rgb, width, height }
}

function fromRaw({ data, width, height, channels }: RawImage, name: string): RgbImage {
  const expected = width * height * channels
  if (data.length !== expected) {
    throw error(
      'ERR_IMAGE',
      `Cannot read ${name}: expected ${width} × ${height} × ${channels} = ${expected} bytes but received ${data.length}`,
    )
  }
  const rgb = new Uint8Array(width * height * 3)
  const grey = channels < 3
  for (let from = 0, to = 0; to < rgb.length; from += channels) {
    for (let channel = 0; channel < 3; channel++) rgb[to++] = data[from + (grey ? 0 : channel)]!
  }
  return { data: rgb, width, height }
}
