import type { Respondent } from '../../src/eval/index.ts'
import type { Message } from '../../src/model/processor/messages.ts'

export interface Seen {
  image: 'black' | 'drawn' | 'none'
  text: string
  size?: [number, number]
}

/** What a respondent is shown: whether there is an image, and the text of the last message. */
export function seen(messages: readonly Message[]): Seen {
  const parts = messages.at(-1)!.content
  if (typeof parts === 'string') return { image: 'none', text: parts }
  const text = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('')
  const image = parts.find((part) => part.type === 'image')?.image as
    | { data: Uint8Array; width: number; height: number }
    | undefined
  if (!image) return { image: 'none', text }
  const kind = image.data.some((value) => value > 0) ? 'drawn' : 'black'
  return { image: kind, text, size: [image.width, image.height] }
}

/** A respondent that says what `answer` says. */
export function scripted(answer: (shown: Seen) => string): Respondent {
  return {
    provenance: { script: answer.toString() },
    reply: async (messages) => ({
      text: answer(seen(messages)),
      finishReason: 'stop',
      promptTokens: null,
      replyTokens: null,
    }),
  }
}
