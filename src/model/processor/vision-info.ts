import { decodeImage, type RgbImage } from './image.ts'
import { type ImageOptions, nameOf } from './image-source.ts'
import {
  type Content,
  checkMessages,
  type ImagePart,
  type Message,
  type SizeOptions,
  type VideoPart,
} from './messages.ts'
import { decodeVideo, type SampledVideo } from './video.ts'

/** A decoded image with the size its message asks for. */
export interface VisionImage extends RgbImage, SizeOptions {
  /** How errors call it. */
  name?: string
}

/** A sampled video with the size its message asks for. */
export interface VisionVideo extends SampledVideo {
  name?: string
}

export interface VisionInfo {
  images: VisionImage[]
  videos: VisionVideo[]
}

/**
 * The images and videos of a conversation (or of several), decoded, in the order of their places in the text.
 * Throws `ERR_MESSAGES` for messages in another form, `ERR_IMAGE` for a source that cannot be read.
 */
export async function processVisionInfo(
  messages: readonly Message[] | readonly Message[][],
  options: ImageOptions = {},
): Promise<VisionInfo> {
  const parts = conversationsOf(messages)
    .flat()
    .flatMap(({ content }): Content[] => (typeof content === 'string' ? [] : content))
  const [images, videos] = await Promise.all([
    Promise.all(parts.filter((part) => part.type === 'image').map((part) => imageOf(part, options))),
    Promise.all(parts.filter((part) => part.type === 'video').map((part) => videoOf(part, options))),
  ])
  return { images, videos }
}

/** One or several conversations as a checked list. */
export function conversationsOf(messages: unknown): Message[][] {
  if (!Array.isArray(messages) || !Array.isArray(messages[0])) return [checkMessages(messages)]
  return messages.map((conversation, index) => checkMessages(conversation, `messages[${index}]`))
}

async function imageOf(part: ImagePart, options: ImageOptions): Promise<VisionImage> {
  const { type, image, ...size } = part
  return { ...(await decodeImage(image, options)), ...size, name: nameOf(image) }
}

async function videoOf(part: VideoPart, options: ImageOptions): Promise<VisionVideo> {
  const name = Array.isArray(part.video) ? `video of ${part.video.length} frames` : undefined
  return { ...(await decodeVideo(part, options, name)), name }
}
