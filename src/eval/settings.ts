import type { Content, ImagePart, Message } from '../model/processor/messages.ts'
import { blackened, shownImage } from './images.ts'

/**
 * What a model is shown of a question: the image; a black image of the same size; a description in words beside the image, beside a black
 * image, or alone; the text alone.
 */
export const settings = ['image', 'black', 'image_description', 'black_description', 'description', 'text'] as const
export type Setting = (typeof settings)[number]

export interface ShowOptions {
  /** Of the image; needed where the setting has one. */
  description?: string
  /** How a description goes before the text of a question. */
  join: (description: string, text: string) => string
  /** See `shownImage`. */
  maxPixels: number
  signal?: AbortSignal
}

export function needsDescription(setting: Setting): boolean {
  return setting.endsWith('description')
}

/** The conversation as `setting` shows it, its images decoded. Texts without an image are the same in every setting that has no description. */
export async function shown(messages: readonly Message[], setting: Setting, options: ShowOptions): Promise<Message[]> {
  const described = needsDescription(setting) ? withDescription(messages, options) : messages
  return Promise.all(
    described.map(async ({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : await parts(content, setting, options),
    })),
  )
}

async function parts(content: readonly Content[], setting: Setting, options: ShowOptions): Promise<Content[]> {
  const kept = content.filter(({ type }) => type !== 'image' || (setting !== 'text' && setting !== 'description'))
  return Promise.all(kept.map((part) => (part.type === 'image' ? image(part, setting, options) : part)))
}

async function image(part: ImagePart, setting: Setting, { maxPixels, signal }: ShowOptions): Promise<ImagePart> {
  const original = await shownImage(part.image, maxPixels, signal)
  return { ...part, image: setting.startsWith('black') ? blackened(original) : original }
}

// Before the first text of the last question, which is where the image was.
function withDescription(messages: readonly Message[], { description, join }: ShowOptions): Message[] {
  const last = messages.at(-1)!
  const before = (text: string) => join(description!, text)
  if (typeof last.content === 'string') return [...messages.slice(0, -1), { ...last, content: before(last.content) }]
  const at = last.content.findIndex(({ type }) => type === 'text')
  const content = last.content.map(
    (part, index): Content => (index === at && part.type === 'text' ? { ...part, text: before(part.text) } : part),
  )
  return [...messages.slice(0, -1), { ...last, content }]
}
