import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { version } from '../version.ts'
import type { Completion } from './completion.ts'
import { errorBody, type RequestError } from './failure.ts'

/** Sends JSON and ends. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** Tells the client why, in OpenAI's form: as a status before anything was sent, as an event in a stream that has begun. */
export function sendError(response: ServerResponse, failure: RequestError): void {
  if (response.destroyed || response.writableEnded) return
  if (response.headersSent) return void response.end(`data: ${JSON.stringify(errorBody(failure))}\n\n`)
  const headers: Record<string, string> = {}
  if (failure.status === 401) headers['www-authenticate'] = 'Bearer'
  if (failure.status === 429 || failure.status === 503) headers['retry-after'] = '1'
  sendJson(response, failure.status, errorBody(failure), headers)
}

/** What all messages of one completion have in common. */
export function envelope(model: string): { id: string; created: number; model: string; system_fingerprint: string } {
  const created = Math.floor(Date.now() / 1000)
  return { id: `chatcmpl-${randomUUID()}`, created, model, system_fingerprint: `frankentorch-${version}` }
}

type Envelope = ReturnType<typeof envelope>

export function chatCompletion(head: Envelope, completion: Completion): object {
  const message = { role: 'assistant', content: completion.text, refusal: null }
  const choice = { index: 0, message, logprobs: null, finish_reason: completion.finishReason }
  return { ...head, object: 'chat.completion', choices: [choice], usage: usageOf(completion) }
}

/** The events of a streamed completion. Its head is sent with the first, so that a prompt that cannot be read still has a status. */
export class CompletionStream {
  readonly #response: ServerResponse
  readonly #head: Envelope

  constructor(response: ServerResponse, head: Envelope) {
    this.#response = response
    this.#head = head
  }

  text(content: string): void {
    if (!this.#response.headersSent) {
      this.#response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
      this.#choice({ role: 'assistant', content: '' }, null)
    }
    if (content) this.#choice({ content }, null)
  }

  end(completion: Completion, includeUsage: boolean): void {
    this.#choice({}, completion.finishReason)
    if (includeUsage) this.#send({ choices: [], usage: usageOf(completion) })
    this.#response.end('data: [DONE]\n\n')
  }

  #choice(delta: object, finish_reason: string | null): void {
    this.#send({ choices: [{ index: 0, delta, logprobs: null, finish_reason }] })
  }

  #send(fields: object): void {
    const chunk = { ...this.#head, object: 'chat.completion.chunk', ...fields }
    this.#response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }
}

function usageOf({ promptTokens, completionTokens }: Completion) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
}
