import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { error, messageOf } from '../errors.ts'
import type { Content, Message } from '../model/processor/messages.ts'

export interface PromptOptions {
  prompt?: string
  system?: string
  image?: string[]
  messages?: string
  minPixels?: number
  maxPixels?: number
}

/** The conversation that the options describe: the one in `--messages`, or a question with its images before the text. */
export async function conversation(options: PromptOptions): Promise<Message[]> {
  const { prompt, system, image = [], messages, minPixels, maxPixels } = options
  if (messages !== undefined) return readMessages(messages)
  if (prompt === undefined)
    throw error('ERR_INVALID_ARGUMENT', 'Expected --prompt TEXT or --messages FILE but received neither')
  const images = image.map((path): Content => ({ type: 'image', image: path, minPixels, maxPixels }))
  const question: Message = { role: 'user', content: [...images, { type: 'text', text: prompt }] }
  return system === undefined ? [question] : [{ role: 'system', content: system }, question]
}

/** A JSON file holding a list of messages, or an object with `messages`. Paths of images in it are relative to the file. */
export async function readMessages(file: string): Promise<Message[]> {
  const text = await readFile(file, 'utf8').catch((thrown) => {
    throw error('ERR_MESSAGES', `Cannot read ${file}: ${messageOf(thrown)}`, { cause: thrown })
  })
  const { checkMessages } = await import('../model/processor/messages.ts')
  return checkMessages(messagesIn(text, file), file).map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map((part) => besides(file, part)),
  }))
}

function messagesIn(text: string, file: string): unknown {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null && 'messages' in json ? json.messages : json
  } catch (thrown) {
    throw error('ERR_MESSAGES', `${file} is not JSON: ${messageOf(thrown)}`, { cause: thrown })
  }
}

function besides(file: string, part: Content): Content {
  const located = <Source>(source: Source) =>
    typeof source === 'string' && !/^[a-z][a-z+.-]+:/i.test(source) ? resolve(dirname(file), source) : source
  if (part.type === 'image') return { ...part, image: located(part.image) }
  if (part.type === 'video')
    return { ...part, video: Array.isArray(part.video) ? part.video.map(located) : located(part.video) }
  return part
}
