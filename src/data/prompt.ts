import { z } from 'zod'
import { check } from '../check.ts'
import type { Message } from '../model/processor/messages.ts'
import type { DataImage } from './image.ts'

export const promptStyles = ['reasoner', 'revisual', 'boxed', 'plain'] as const

/**
 * How a question is put. `boxed` (the default everywhere) adds the request for one `\boxed{}`; `reasoner` and `revisual` also tell the model to
 * think between tags first, as the checkpoints of OpenMMReasoner and Revisual-R1 were trained to; `plain` is the question and its choices alone.
 */
export type PromptStyle = (typeof promptStyles)[number]

export interface Question {
  text: string
  /** Listed as `A. …`, one a line, in this order. */
  choices?: readonly string[]
  image?: DataImage
  /** A sentence on the form the answer should have, such as its number of decimals. Left out of `plain`. */
  form?: string
}

const system: Partial<Record<PromptStyle, string>> = {
  reasoner:
    'Work the question out step by step between <think> and </think>. After that, state the result between <answer> and </answer>.',
  revisual: 'Think the question through between <think> and </think>. After that, give the final answer in \\boxed{}.',
}

/** The chat messages that put `question`: the image before the text. A literal `<image>` or `<image1>` in the text stays text. */
export function prompt({ text, choices, image, form }: Question, style: PromptStyle = 'boxed'): Message[] {
  const listed = choices?.map((choice, i) => `${choiceLetter(i)}. ${choice}`).join('\n')
  const asked = [text, listed].filter(Boolean).join('\n\n')
  const content: Message['content'] =
    image === undefined
      ? asked
      : [
          { type: 'image', image },
          { type: 'text', text: asked },
        ]
  return styled([{ role: 'user', content }], style, { choices, form })
}

/** `messages` with what `style` adds: an instruction in front, and after the last text the request for one `\boxed{}`. */
export function styled(
  messages: readonly Message[],
  style: PromptStyle,
  { choices, form }: Pick<Question, 'choices' | 'form'> = {},
): Message[] {
  const chosen = check(z.enum(promptStyles), style, 'style')
  if (chosen === 'plain') return [...messages]
  const request = [form, `Put ${choices ? 'the letter of the right choice' : 'the final answer'} in one \\boxed{}.`]
  const last = messages.at(-1)!
  const asked = { ...last, content: followed(last.content, request.filter(Boolean).join(' ')) }
  const instruction = system[chosen]
  return [...(instruction ? [{ role: 'system' as const, content: instruction }] : []), ...messages.slice(0, -1), asked]
}

function followed(content: Message['content'], request: string): Message['content'] {
  if (typeof content === 'string') return [content, request].filter(Boolean).join('\n\n')
  const last = content.at(-1)
  if (last?.type !== 'text') return [...content, { type: 'text', text: request }]
  return [...content.slice(0, -1), { ...last, text: [last.text, request].filter(Boolean).join('\n\n') }]
}

/** 0 → A, 25 → Z. */
export function choiceLetter(index: number): string {
  return String.fromCharCode(65 + index)
}
