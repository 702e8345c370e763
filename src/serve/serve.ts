import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { error, messageOf } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import { createProcessor } from '../model/processor/processor.ts'
import { isLoopback, requireAccess } from './access.ts'
import { readJsonBody } from './body.ts'
import { chatRequest } from './chat-request.ts'
import { complete, type Engine } from './completion.ts'
import { RequestError, requestErrorOf } from './failure.ts'
import { CompletionStream, chatCompletion, envelope, sendError, sendJson } from './responses.ts'
import { Slots } from './slots.ts'

const ServeOptions = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes a free one. */
  port: z.int().min(0).max(65_535).default(8000),
  /** What requests call the model; default the name of its directory. */
  name: z.string().min(1).optional(),
  /** Keys of which a request must have one; needed where other machines can reach `host`. */
  apiKeys: z.array(z.string().min(1)).default([]),
  /** Requests that decode together. */
  maxRows: z.int().min(1).default(32),
  /** Requests that wait beyond those; the next is refused with 429. */
  maxQueue: z.int().min(0).default(64),
  /** Most tokens of a reply, and those of a request that names none. */
  maxNewTokens: z.int().min(1).default(1024),
  maxBodyBytes: z
    .int()
    .min(1)
    .default(32 * 2 ** 20),
  /** Largest image after decoding, in pixels. */
  maxImagePixels: z.int().min(1).default(33_554_432),
  /** Whether images may be fetched from http(s) URLs that a request names; paths never may. */
  allowHttpImages: z.boolean().default(false),
  /** How long `close` lets replies finish, in milliseconds. */
  graceMs: z.int().min(0).default(30_000),
})
export type ServeOptions = z.input<typeof ServeOptions>

/** A server that is listening. */
export interface ModelServer extends AsyncDisposable {
  /** Such as `http://127.0.0.1:8000/v1`: the `baseURL` of OpenAI's clients. */
  readonly url: string
  readonly name: string
  /** Requests whose replies are being computed. */
  readonly running: number
  readonly waiting: number
  /** Takes no new requests, lets those it has finish for `graceMs`, ends what is left. The model stays loaded. */
  close(): Promise<void>
}

/**
 * Serves `model` as OpenAI's API does: `/v1/models`, `/v1/chat/completions` with images and streaming, `/health`. Requests join one running batch.
 * Rejects with `ERR_INVALID_ARGUMENT` for a host that others reach without API keys, `ERR_OUTPUT` when it cannot listen.
 */
export async function serve(model: VisionLanguageModel, options: ServeOptions = {}): Promise<ModelServer> {
  const checked = check(ServeOptions, options)
  const { host, port, apiKeys, maxRows, maxQueue, maxNewTokens, maxImagePixels, allowHttpImages, graceMs } = checked
  if (apiKeys.length === 0 && !isLoopback(host)) {
    throw expected('at least one key where other machines reach the host', 'options.apiKeys', apiKeys)
  }
  const processor = await createProcessor(model.directory, {
    sources: allowHttpImages ? ['data', 'http'] : ['data'],
    maxDecodedPixels: maxImagePixels,
    maxBytes: checked.maxBodyBytes,
  })
  const batch = model.batch({ maxRows })
  const context = model.config.maxPositionEmbeddings
  const name = checked.name ?? path.basename(model.directory)
  const slots = new Slots(maxRows, maxQueue)
  const engine = { batch, processor, maxNewTokens, context }
  const service: Service = { ...checked, name, engine, slots, closing: false, answers: new Set(), clients: new Set() }
  const server = await listen(service, host, port).catch(async (thrown) => {
    await batch.dispose()
    throw thrown
  })
  // Beyond the places there is room only to be told so.
  server.maxConnections = maxRows + maxQueue + 64
  let closing: Promise<void> | undefined
  const close = async () => {
    service.closing = true
    const closed = once(server, 'close')
    server.close()
    const late = setTimeout(() => {
      for (const client of service.clients) client.abort(isClosing())
    }, graceMs)
    await Promise.all(service.answers)
    clearTimeout(late)
    // Connections that are kept alive, or on which no request ever came.
    server.closeAllConnections()
    await closed
    await batch.dispose()
  }
  const { address, port: listening, family } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${listening}/v1`,
    name,
    get running() {
      return slots.running
    },
    get waiting() {
      return slots.waiting
    },
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}

interface Service {
  name: string
  apiKeys: readonly string[]
  maxBodyBytes: number
  engine: Engine
  slots: Slots
  closing: boolean
  /** One for each request, until its answer is sent or its client gone. */
  answers: Set<Promise<unknown>>
  /** Aborted when the client is gone, or with the reason why its request ends. Not one long-lived signal: Node 20 keeps what listens to it. */
  clients: Set<AbortController>
}

async function listen(service: Service, host: string, port: number): Promise<Server> {
  const { createServer } = await import('node:http')
  const server = createServer((request, response) => {
    const answered = once(response, 'close').finally(() => service.answers.delete(answered))
    service.answers.add(answered)
    void answer(service, request, response).catch((thrown) => {
      sendError(response, requestErrorOf(thrown))
      // What a refused request still sends is not read into memory, and not for ever.
      if (!request.complete) setTimeout(() => request.destroy(), 5000).unref()
      request.resume()
    })
  })
  try {
    server.listen(port, host.replace(/^\[(.*)\]$/, '$1'))
    await once(server, 'listening')
    return server
  } catch (cause) {
    throw error('ERR_OUTPUT', `Cannot listen at ${host}:${port}: ${messageOf(cause)}`, { cause })
  }
}

async function answer(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://server')
  const { name, slots, apiKeys } = service
  if (pathname === '/health') {
    requireMethod(request, response, 'GET')
    return sendJson(response, 200, { status: 'ok', model: name, running: slots.running, waiting: slots.waiting })
  }
  requireAccess(request, apiKeys)
  if (pathname === '/v1/models' || pathname.startsWith('/v1/models/')) {
    requireMethod(request, response, 'GET')
    if (pathname === '/v1/models') return sendJson(response, 200, { object: 'list', data: [card(name)] })
    requireModel(decodeURIComponent(pathname.slice('/v1/models/'.length)), name)
    return sendJson(response, 200, card(name))
  }
  if (pathname !== '/v1/chat/completions') throw new RequestError(404, `There is no ${pathname} here`)
  requireMethod(request, response, 'POST')
  await answerChat(service, request, response)
}

async function answerChat(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { slots, name, engine, maxBodyBytes, clients } = service
  if (service.closing) throw isClosing()
  const place = slots.take()
  const client = new AbortController()
  clients.add(client)
  response.on('close', () => client.abort())
  const { signal } = client
  try {
    const chat = chatRequest(await readJsonBody(request, maxBodyBytes))
    requireModel(chat.model, name)
    await place.turn(signal)
    const head = envelope(name)
    if (!chat.stream) {
      const completion = await complete(engine, chat, { signal, onText: () => {} })
      return sendJson(response, 200, chatCompletion(head, completion))
    }
    const stream = new CompletionStream(response, head)
    const completion = await complete(engine, chat, { signal, onText: (text) => stream.text(text) })
    stream.end(completion, chat.includeUsage)
  } catch (thrown) {
    if (response.destroyed) return // nobody listens
    if (signal.reason instanceof RequestError) throw signal.reason
    throw thrown
  } finally {
    clients.delete(client)
    place.leave()
  }
}

function isClosing(): RequestError {
  return new RequestError(503, 'The server is closing', { code: 'server_closing' })
}

function requireMethod(request: IncomingMessage, response: ServerResponse, method: 'GET' | 'POST'): void {
  if (request.method === method || (method === 'GET' && request.method === 'HEAD')) return
  response.setHeader('allow', method)
  throw new RequestError(405, `Expected ${method} but received ${request.method}`)
}

function requireModel(asked: string, name: string): void {
  if (asked === name) return
  throw new RequestError(404, `There is no model '${asked}' here, but '${name}'`, {
    code: 'model_not_found',
    param: 'model',
  })
}

function card(id: string) {
  return { id, object: 'model', created: 0, owned_by: 'frankentorch' }
}
