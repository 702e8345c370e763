import type { OpenAI } from 'openai'
import { z } from 'zod'
import { check } from '../check.ts'
import { error, FrankentorchError, messageOf } from '../errors.ts'
import type { Message } from '../model/processor/messages.ts'
import { type ChatMessage, chatMessages } from './chat-messages.ts'
import { Lanes } from './lanes.ts'

const EndpointOptions = z.strictObject({
  /** Base of an interface like OpenAI's: `http://127.0.0.1:8000/v1`. */
  url: z.url({ protocol: /^https?$/, error: 'an http(s) URL such as http://127.0.0.1:8000/v1' }),
  /** By default the first that the endpoint lists. */
  model: z.string().min(1).optional(),
  /** By default the environment's OPENAI_API_KEY; endpoints of one's own need none. */
  apiKey: z.string().optional(),
  /** Requests at once. */
  concurrency: z.int().min(1).default(8),
  /** How often a request is sent again, after pauses that grow, when the endpoint cannot be reached, is overloaded, or fails. */
  maxRetries: z.int().min(0).default(5),
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: z.int().min(1).default(600_000),
})
export type EndpointOptions = z.input<typeof EndpointOptions>

export interface ChatReply {
  text: string
  finishReason: 'stop' | 'length'
  promptTokens: number | null
  replyTokens: number | null
}

/** A model behind an interface like OpenAI's. */
export interface Endpoint {
  readonly url: string
  readonly model: string
  /**
   * The greedy reply. Throws `ERR_ENDPOINT` when the endpoint is of no use (unreachable or failing after all retries, key refused, no such model),
   * `ERR_ENDPOINT_REQUEST` when it refuses this one request, `ERR_ABORTED`.
   */
  chat(messages: readonly Message[], options: { maxTokens: number; signal?: AbortSignal }): Promise<ChatReply>
}

/** Asks the endpoint for its models, so that a wrong address is found at once. Throws `ERR_ENDPOINT`. */
export async function openEndpoint(options: EndpointOptions, signal?: AbortSignal): Promise<Endpoint> {
  const { url, model: named, apiKey, concurrency, maxRetries, timeoutMs } = check(EndpointOptions, options)
  const { OpenAI } = await import('openai')
  const key = apiKey ?? process.env.OPENAI_API_KEY ?? 'none'
  const client = new OpenAI({ baseURL: url, apiKey: key, maxRetries, timeout: timeoutMs })
  const model = named ?? (await firstModel(client, url, signal))
  const lanes = new Lanes(concurrency)
  return {
    url,
    model,
    chat: (messages, { maxTokens, signal }) =>
      lanes.run(async () => {
        const content = await chatMessages(messages)
        return await complete(client, { url, model, content, maxTokens, signal })
      }),
  }
}

async function firstModel(client: OpenAI, url: string, signal?: AbortSignal): Promise<string> {
  const { data } = await client.models.list({ signal }).catch((thrown) => {
    throw failure(thrown, url, signal)
  })
  if (data?.[0]) return data[0].id
  throw error('ERR_ENDPOINT', `Expected ${url} to list its models but it lists none: name one`)
}

interface Request {
  url: string
  model: string
  content: ChatMessage[]
  maxTokens: number
  signal?: AbortSignal
}

async function complete(client: OpenAI, { url, model, content, maxTokens, signal }: Request): Promise<ChatReply> {
  // the client's own types of messages differ by role; ours are a subset of each
  const messages = content as OpenAI.Chat.ChatCompletionMessageParam[]
  const completion = await client.chat.completions
    .create({ model, messages, temperature: 0, max_tokens: maxTokens }, { signal })
    .catch((thrown) => {
      throw failure(thrown, url, signal)
    })
  const choice = completion.choices?.[0]
  if (!choice) throw error('ERR_ENDPOINT_REQUEST', `${url} answered without a choice`)
  return {
    text: choice.message.content ?? '',
    finishReason: choice.finish_reason === 'length' ? 'length' : 'stop',
    promptTokens: completion.usage?.prompt_tokens ?? null,
    replyTokens: completion.usage?.completion_tokens ?? null,
  }
}

const refusals = [400, 413, 422]

function failure(thrown: unknown, url: string, signal?: AbortSignal): Error {
  if (signal?.aborted) return error('ERR_ABORTED', `The request to ${url} was aborted`, { cause: signal.reason })
  if (thrown instanceof FrankentorchError) return thrown
  const status = (thrown as { status?: number }).status
  const code = refusals.includes(status ?? 0) ? 'ERR_ENDPOINT_REQUEST' : 'ERR_ENDPOINT'
  const remedy = status === 401 || status === 403 ? ' (is OPENAI_API_KEY set?)' : ''
  // "Connection error." says nothing; the reason is one level down
  const cause = (thrown as { cause?: unknown }).cause
  return error(code, `${url}: ${messageOf(thrown)}${cause ? ` ${messageOf(deepest(cause))}` : ''}${remedy}`, {
    cause: thrown,
  })
}

function deepest(cause: unknown): unknown {
  const inner = (cause as { cause?: unknown })?.cause
  return inner === undefined ? cause : deepest(inner)
}
