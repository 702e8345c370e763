import type { Item, PromptStyle } from '../data/index.ts'
import { error } from '../errors.ts'
import type { Message } from '../model/processor/messages.ts'
import { hashBytes, hashJson } from '../run/hash.ts'
import type { Asked } from './questions.ts'
import type { Respondent } from './respondent.ts'
import { needsDescription, type Setting, shown } from './settings.ts'
import { defaultStyle, describer } from './tasks.ts'

/** A line of `<model>/replies/<task>.jsonl`: what a model said, before anybody judges it. */
export interface ReplyRecord {
  id: string
  setting: Setting
  response: string
  finish_reason: string
  prompt_tokens: number | null
  reply_tokens: number | null
  /** Over the conversation as the model got it, images by their pixels. */
  prompt_sha256: string
  max_new_tokens: number
  prompt_style: PromptStyle
  /** Larger images were shrunk to so many. */
  max_pixels: number
  // and the respondent's provenance
}

export interface AnswerOptions {
  style?: PromptStyle
  maxPixels: number
  maxNewTokens: number
  /** The descriptions of images, by the id of the item; those of the data come first. */
  descriptions: ReadonlyMap<string, string>
}

/** What was replied to prompts before, by their hash: tasks share questions, and a greedy reply is what it is. */
export type Answered = Map<string, ReplyRecord>

/** One item in every setting of its task, in their order. */
export async function answer(
  respondent: Respondent,
  { task, of }: Asked,
  item: Item,
  answered: Answered,
  { style = defaultStyle(task.benchmark), maxPixels, maxNewTokens, descriptions }: AnswerOptions,
  signal: AbortSignal,
): Promise<ReplyRecord[]> {
  const question = of.ask(item, style)
  const describe = describer(task.benchmark)
  return Promise.all(
    task.settings.map(async (setting) => {
      const description = needsDescription(setting) ? descriptionOf(item, descriptions) : undefined
      const messages = await shown(question, setting, { description, describe, maxPixels, signal })
      const prompt_sha256 = hashPrompt(messages)
      const before = answered.get(prompt_sha256)
      if (before) return { ...before, id: item.id, setting }
      const { text, finishReason, promptTokens, replyTokens } = await respondent.reply(messages, {
        maxNewTokens,
        signal,
      })
      const record: ReplyRecord = {
        id: item.id,
        setting,
        response: text,
        finish_reason: finishReason,
        prompt_tokens: promptTokens,
        reply_tokens: replyTokens,
        prompt_sha256,
        ...respondent.provenance,
        max_new_tokens: maxNewTokens,
        prompt_style: style,
        max_pixels: maxPixels,
      }
      answered.set(prompt_sha256, record)
      return record
    }),
  )
}

export function descriptionOf(item: Item, descriptions: ReadonlyMap<string, string>): string {
  const description = item.description ?? descriptions.get(item.id)
  if (description !== undefined) return description
  throw error(
    'ERR_DATA',
    `Expected a description of the image of '${item.id}' but found none: give descriptions or a judge that makes them`,
  )
}

function hashPrompt(messages: readonly Message[]): string {
  return hashJson(
    messages.map(({ role, content }) => ({
      role,
      content:
        typeof content === 'string'
          ? content
          : content.map((part) => (part.type === 'image' ? { ...part, image: hashImage(part.image) } : part)),
    })),
  )
}

// Every image is decoded by now.
function hashImage(image: unknown): object {
  const { data, width, height } = image as { data: Uint8Array; width: number; height: number }
  return { width, height, sha256: hashBytes(data) }
}
