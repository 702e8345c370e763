import { hashJson } from '../canonical-json.ts'
import type { ImageSource } from '../model/processor/image-source.ts'
import type { Message } from '../model/processor/messages.ts'
import { ReplyCache } from './cache.ts'
import { hashMessages } from './chat-messages.ts'
import { type Endpoint, type EndpointOptions, openEndpoint } from './endpoint.ts'

export interface JudgeOptions extends EndpointOptions {
  /** Directory in which replies are kept by the hash of what was asked; without it nothing is kept. */
  cache?: string
}

/** What a judge is asked about a reply. */
export interface JudgedReply {
  question: string
  choices?: readonly string[]
  response: string
}

/**
 * A language model that describes images and judges replies, by requests that say everything in themselves. Equal requests are sent once: what was
 * replied is kept in the cache, so a run that is continued asks nothing twice. Throws as `Endpoint.chat` does.
 */
export class Judge {
  readonly model: string
  readonly #endpoint: Endpoint
  readonly #cache?: ReplyCache
  readonly #asked = new Map<string, Promise<string>>()

  /** Use `openJudge`. */
  constructor(endpoint: Endpoint, cache?: ReplyCache) {
    this.model = endpoint.model
    this.#endpoint = endpoint
    this.#cache = cache
  }

  /** What an image shows, in words. */
  async describe(image: ImageSource, signal?: AbortSignal): Promise<string> {
    const content = [
      { type: 'image' as const, image },
      { type: 'text' as const, text: describing },
    ]
    return this.#ask('description', [{ role: 'user', content }], 1024, signal)
  }

  /** The final answer that a reply gives, as it gives it; '' when it gives none. */
  async extract({ question, choices, response }: JudgedReply, signal?: AbortSignal): Promise<string> {
    const text = [
      extracting,
      `Question:\n${withChoices(question, choices)}`,
      `Reply:\n${response}`,
      'Final answer of the reply:',
    ].join('\n\n')
    const said = await this.#ask('extraction', [{ role: 'user', content: text }], 128, signal)
    return /^\W*none\W*$/i.test(said) ? '' : said
  }

  /** Whether a reply gives the right answer, and the words that say so; `unknown` where they say neither. */
  async grade(
    { question, choices, response, answer }: JudgedReply & { answer: string },
    signal?: AbortSignal,
  ): Promise<{ correct: boolean | 'unknown'; said: string }> {
    const text = [
      grading,
      `Question:\n${withChoices(question, choices)}`,
      `Right answer:\n${answer}`,
      `Reply:\n${response}`,
      'Verdict:',
    ].join('\n\n')
    const said = await this.#ask('verdict', [{ role: 'user', content: text }], 64, signal)
    return { correct: verdictOf(said), said }
  }

  async #ask(purpose: string, messages: Message[], maxTokens: number, signal?: AbortSignal): Promise<string> {
    const hash = hashJson({ model: this.model, maxTokens, messages: await hashMessages(messages) })
    const pending = this.#asked.get(hash)
    if (pending) return pending
    const reply = this.#reply(hash, purpose, messages, maxTokens, signal)
    this.#asked.set(hash, reply)
    // kept in the cache, or asked again
    const forget = () => void this.#asked.delete(hash)
    if (this.#cache) reply.then(forget, forget)
    else reply.catch(forget)
    return reply
  }

  async #reply(
    hash: string,
    purpose: string,
    messages: Message[],
    maxTokens: number,
    signal?: AbortSignal,
  ): Promise<string> {
    const kept = await this.#cache?.get(hash)
    if (kept !== undefined) return kept
    const text = (await this.#endpoint.chat(messages, { maxTokens, signal })).text.trim()
    await this.#cache?.put(hash, { text, model: this.model, purpose })
    return text
  }
}

/** Throws `ERR_ENDPOINT` when there is no endpoint at `url`. */
export async function openJudge({ cache, ...endpoint }: JudgeOptions, signal?: AbortSignal): Promise<Judge> {
  return new Judge(await openEndpoint(endpoint, signal), cache === undefined ? undefined : new ReplyCache(cache))
}

const describing =
  'Describe this image for someone who cannot see it and will be asked about it: every object, label, number, axis, legend and relation it shows, ' +
  'and where things are. State only what is visible; solve nothing.'
const extracting =
  'Below are a question and a reply to it. Write the final answer that the reply gives, and nothing else: a number, an expression, or the text of ' +
  'the chosen option. Do not answer the question yourself and correct nothing. If the reply gives no answer, write none.'
const grading =
  'Below are a question, its right answer, and a reply. Is the final answer of the reply the right one? Another form of the same value counts as right. ' +
  'Write one word: correct or incorrect.'

function withChoices(question: string, choices: readonly string[] = []): string {
  return [question, ...choices.map((choice, i) => `${String.fromCharCode(65 + i)}. ${choice}`)].join('\n')
}

// The last verdict counts: a judge that thinks aloud comes to it at the end.
function verdictOf(said: string): boolean | 'unknown' {
  const last = [...said.matchAll(/\b(in)?correct\b/gi)].at(-1)
  if (!last) return 'unknown'
  const denied = /\bnot\s+$/i.test(said.slice(0, last.index))
  return denied ? 'unknown' : last[1] === undefined
}
