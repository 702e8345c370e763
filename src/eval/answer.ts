import type { Item, PromptStyle } from '../data/index.ts'
import { hashMessages } from '../judge/index.ts'
import type { Describe } from './descriptions.ts'
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
  /** What stood for the image, in settings with a description, and where it is from: `data`, `file`, or the model that wrote it. */
  description?: string
  described_by?: string
  // and the respondent's provenance
}

export interface AnswerOptions {
  style?: PromptStyle
  maxPixels: number
  maxNewTokens: number
  describe: Describe
}

/** What was replied to prompts before, by their hash: tasks share questions, and a greedy reply is what it is. */
export type Answered = Map<string, ReplyRecord>

/** One item in every setting of its task, in their order. */
export async function answer(
  respondent: Respondent,
  { task, of }: Asked,
  item: Item,
  answered: Answered,
  { style = defaultStyle(task.benchmark), maxPixels, maxNewTokens, describe }: AnswerOptions,
  signal: AbortSignal,
): Promise<ReplyRecord[]> {
  const question = of.ask(item, style)
  const join = describer(task.benchmark)
  return Promise.all(
    task.settings.map(async (setting) => {
      const described = needsDescription(setting) ? await describe(of.name, item, signal) : undefined
      const messages = await shown(question, setting, { description: described?.text, join, maxPixels, signal })
      const prompt_sha256 = await hashMessages(messages)
      const words = described ? { description: described.text, described_by: described.by } : {}
      const before = answered.get(prompt_sha256)
      if (before) return { ...before, id: item.id, setting, ...words }
      const reply = await respondent.reply(messages, { maxNewTokens, signal })
      const record: ReplyRecord = {
        id: item.id,
        setting,
        response: reply.text,
        finish_reason: reply.finishReason,
        prompt_tokens: reply.promptTokens,
        reply_tokens: reply.replyTokens,
        prompt_sha256,
        ...respondent.provenance,
        max_new_tokens: maxNewTokens,
        prompt_style: style,
        max_pixels: maxPixels,
        ...words,
      }
      answered.set(prompt_sha256, record)
      return record
    }),
  )
}
