import { z } from 'zod'
import { check, describe, expected } from '../../check.ts'
import { error, FrankentorchError } from '../../errors.ts'
import { ImageSource } from './image-source.ts'

/** What one image or video may ask for instead of the limits of the checkpoint; pixels of an image, or of one frame. */
export interface SizeOptions {
  minPixels?: number
  maxPixels?: number
  /** Both or none; rounded as `smartResize` does. */
  resizedHeight?: number
  resizedWidth?: number
}

export interface TextPart {
  type: 'text'
  text: string
}

export interface ImagePart extends SizeOptions {
  type: 'image'
  image: ImageSource
}

export interface VideoPart extends SizeOptions {
  type: 'video'
  /** Frames as images, or an animated GIF or WebP. */
  video: string | URL | Uint8Array | ImageSource[]
  /** Frames per second: at which given frames were taken, or at which to sample a file. Default 2. */
  fps?: number
  /** Number of frames to sample from a file, instead of `fps`. */
  nframes?: number
  /** Bounds for sampling a file by `fps`; default 4 and 768. */
  minFrames?: number
  maxFrames?: number
  /** Bound for all pixels of the frames sampled from a file; default 90,316,800. */
  totalPixels?: number
}

export type Content = TextPart | ImagePart | VideoPart

export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string | Content[]
}

const count = z.int().min(1)
const size = { minPixels: count, maxPixels: count, resizedHeight: count, resizedWidth: count }
const file = z.union([z.string().min(1), z.instanceof(URL), z.instanceof(Uint8Array)])

const parts = {
  text: z.strictObject({ type: z.literal('text'), text: z.string() }),
  image: z.strictObject({ type: z.literal('image'), image: ImageSource, ...z.object(size).partial().shape }),
  video: z.strictObject({
    type: z.literal('video'),
    video: z.union([file, z.array(ImageSource).min(1)]),
    ...z.object({ ...size, nframes: count, minFrames: count, maxFrames: count, totalPixels: count }).partial().shape,
    fps: z.number().positive().optional(),
  }),
}

const Envelope = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.union([z.string(), z.array(z.unknown())]),
})

/**
 * A conversation with its parts in one form. Accepts also what JSON files and clients of the OpenAI interface write:
 * snake_case names, `image_url` and `video_url` (a string or `{ url }`; `detail` has no meaning here), `frames` for
 * `video`, and parts without a `type`. Throws `ERR_MESSAGES` with the path of the part that is wrong.
 */
export function checkMessages(messages: unknown, name = 'messages'): Message[] {
  const list = checkPart(z.array(z.unknown()).min(1), messages, name)
  return list.map((message, index) => {
    const place = `${name}[${index}]`
    const { role, content } = checkPart(Envelope, message, place)
    if (typeof content === 'string') return { role, content }
    return { role, content: content.map((part, at) => checkContent(part, `${place}.content[${at}]`)) }
  })
}

function checkContent(part: unknown, place: string): Content {
  const { type, ...fields } = canonical(part, place)
  const checked = checkPart(parts[type], { type, ...fields }, place) as Content
  if (checked.type === 'text') return checked
  for (const [a, b] of [
    ['resizedHeight', 'resizedWidth'],
    ['resizedWidth', 'resizedHeight'],
  ] as const) {
    if (checked[a] !== undefined && checked[b] === undefined) {
      throw error('ERR_MESSAGES', `Expected ${b} beside ${a} in ${place}`)
    }
  }
  const { minPixels, maxPixels } = checked
  if (minPixels !== undefined && maxPixels !== undefined && minPixels > maxPixels) {
    throw error('ERR_MESSAGES', `Expected minPixels ≤ maxPixels in ${place} but received ${minPixels} > ${maxPixels}`)
  }
  if (checked.type === 'video') checkSampling(checked, place)
  return checked
}

function checkSampling({ video, fps, nframes }: VideoPart, place: string): void {
  if (nframes === undefined) return
  if (fps !== undefined) throw error('ERR_MESSAGES', `Expected fps or nframes in ${place} but received both`)
  if (Array.isArray(video)) {
    throw error('ERR_MESSAGES', `${place}.nframes samples a file, but ${place}.video is a list of frames; leave it out`)
  }
}

type PartType = keyof typeof parts

const spellings: Record<string, PartType> = {
  text: 'text',
  image: 'image',
  imageUrl: 'image',
  video: 'video',
  videoUrl: 'video',
  frames: 'video',
}

// The same part with camelCase names, its type, and its source under the name of the type.
function canonical(part: unknown, place: string): { type: PartType } & Record<string, unknown> {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) {
    throw expected('an object such as { type: "text", text }', place, part, 'ERR_MESSAGES')
  }
  const fields: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(part)) {
    const camel = camelCase(key)
    if (camel in fields)
      throw error('ERR_MESSAGES', `Expected ${camel} once in ${place} but received two spellings of it`)
    fields[camel] = value
  }
  const key = Object.keys(fields).find((name) => name in spellings)
  const given = fields.type === undefined ? key : fields.type
  const type = typeof given === 'string' ? spellings[camelCase(given)] : undefined
  if (!type) {
    throw error(
      'ERR_MESSAGES',
      `Expected one of 'text', 'image', 'video', 'image_url', 'video_url' for ${place}.type but received ${describe(given)}`,
    )
  }
  const { imageUrl, videoUrl, frames, ...rest } = fields
  const source = type === 'image' ? urlOf(imageUrl, place) : (urlOf(videoUrl, place) ?? frames)
  if (type !== 'text' && source !== undefined && rest[type] === undefined) rest[type] = source
  return { ...rest, type }
}

function urlOf(value: unknown, place: string): unknown {
  if (typeof value !== 'object' || value === null || value instanceof URL) return value
  const { url } = checkPart(z.strictObject({ url: z.string().min(1), detail: z.unknown().optional() }), value, place)
  return url
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

// A key that a part does not know is a fault of the messages, not of an option.
function checkPart<Schema extends z.ZodType>(schema: Schema, value: unknown, place: string): z.output<Schema> {
  try {
    return check(schema, value, place, 'ERR_MESSAGES')
  } catch (cause) {
    if (cause instanceof FrankentorchError && cause.code === 'ERR_UNKNOWN_OPTION') {
      throw error('ERR_MESSAGES', cause.message)
    }
    throw cause
  }
}
