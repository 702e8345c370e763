import { hashBytes, hashJson } from '../canonical-json.ts'
import { error } from '../errors.ts'
import { decodeImage, openImage } from '../model/processor/image.ts'
import { type ImageSource, isRawImage, type RawImage } from '../model/processor/image-source.ts'
import type { Content, Message } from '../model/processor/messages.ts'

/** A message as OpenAI's interface has it. */
export interface ChatMessage {
  role: Message['role']
  content: string | ChatPart[]
}
export type ChatPart = { type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } }

/** The conversation for an endpoint, its images as PNG in `data:` URLs. Throws `ERR_MESSAGES` for a video, `ERR_IMAGE` for an image that cannot be read. */
export async function chatMessages(messages: readonly Message[]): Promise<ChatMessage[]> {
  return Promise.all(
    messages.map(async ({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : await Promise.all(content.map(chatPart)),
    })),
  )
}

async function chatPart(part: Content): Promise<ChatPart> {
  if (part.type === 'text') return { type: 'text', text: part.text }
  if (part.type === 'image') return { type: 'image_url', image_url: { url: await dataUrl(part.image) } }
  throw error('ERR_MESSAGES', 'Expected text and images for an endpoint but received a video')
}

async function dataUrl(source: ImageSource): Promise<string> {
  const { data, width, height } = await pixels(source)
  const image = await openImage(data, { raw: { width, height, channels: 3 } })
  return `data:image/png;base64,${(await image.png().toBuffer()).toString('base64')}`
}

/** SHA-256 of a conversation: images count by their pixels, wherever they come from. */
export async function hashMessages(messages: readonly Message[]): Promise<string> {
  const parts = (content: readonly Content[]) =>
    Promise.all(
      content.map(async (part) => (part.type === 'image' ? { ...part, image: await hashImage(part.image) } : part)),
    )
  return hashJson(
    await Promise.all(
      messages.map(async ({ role, content }) => ({
        role,
        content: typeof content === 'string' ? content : await parts(content),
      })),
    ),
  )
}

async function hashImage(source: ImageSource): Promise<object> {
  const { data, width, height } = await pixels(source)
  return { width, height, sha256: hashBytes(data) }
}

async function pixels(source: ImageSource): Promise<Pick<RawImage, 'width' | 'height'> & { data: Uint8Array }> {
  if (isRawImage(source) && source.channels === 3 && source.data instanceof Uint8Array)
    return { ...source, data: source.data }
  return decodeImage(source)
}
