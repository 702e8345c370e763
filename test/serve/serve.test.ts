import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import type { Content, Message } from '../../src/model/processor/messages.ts'
import { native } from '../../src/native.ts'
import { type ModelServer, serve } from '../../src/serve/index.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { tiny } from '../native/models.ts'
import { nearTie } from './near-tie.ts'

const photo = `data:image/png;base64,${readFileSync('test/fixtures/images/photo.png').toString('base64')}`
const other = `data:image/png;base64,${readFileSync('test/fixtures/images/photo-other.png').toString('base64')}`

let model: VisionLanguageModel
let server: ModelServer
let client: OpenAI
beforeAll(async () => {
  await native().setNumThreads(1)
  model = await VisionLanguageModel.load(tiny)
  server = await serve(model, { port: 0, name: 'tiny', maxRows: 8, maxNewTokens: 4000 })
  client = new OpenAI({ baseURL: server.url, apiKey: 'none', maxRetries: 0 })
})
afterAll(async () => {
  await server.close()
  await model.dispose()
})

type ChatMessage = OpenAI.Chat.ChatCompletionMessageParam

function asked(text: string, image?: string): ChatMessage[] {
  if (!image) return [{ role: 'user', content: text }]
  return [
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url: image } },
        { type: 'text', text },
      ],
    },
  ]
}

function asOurs(messages: ChatMessage[]): Message[] {
  return messages as unknown as Message[]
}

function post(body: unknown, init: RequestInit = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(`${server.url}/chat/completions`, {
    method: 'POST',
    body: text,
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  })
}

const small = { model: 'tiny', max_tokens: 12 }

test('the openai client lists the model', async () => {
  const { data } = await client.models.list()
  expect(data).toEqual([{ id: 'tiny', object: 'model', created: 0, owned_by: 'frankentorch' }])
  expect(await client.models.retrieve('tiny')).toMatchObject({ id: 'tiny' })
  await expect(client.models.retrieve('gpt')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
})

test('the openai client gets the reply that generate gives, with an image', async () => {
  const messages = asked('Count the shapes.', photo)
  const expected = await model.generate(asOurs(messages), { maxNewTokens: 12 })
  const reply = await client.chat.completions.create({ ...small, messages })
  expect(reply.choices).toEqual([
    {
      index: 0,
      message: { role: 'assistant', content: expected.text, refusal: null },
      logprobs: null,
      finish_reason: expected.finishReason,
    },
  ])
  expect(reply.usage).toEqual({
    prompt_tokens: expected.promptTokenIds.length,
    completion_tokens: expected.tokenIds.length,
    total_tokens: expected.promptTokenIds.length + expected.tokenIds.length,
  })
})

test('a stream has the same text, and its usage when asked for', async () => {
  const messages = asked('Count the shapes.', photo)
  const whole = await client.chat.completions.create({ ...small, messages })
  const stream = await client.chat.completions.create({
    ...small,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  const reasons: (string | null)[] = []
  let usage: unknown
  for await (const { choices, ...chunk } of stream) {
    text += choices[0]?.delta.content ?? ''
    if (choices[0]) reasons.push(choices[0].finish_reason)
    usage = chunk.usage ?? usage
  }
  expect(text).toBe(whole.choices[0]!.message.content)
  expect(reasons.at(-1)).toBe(whole.choices[0]!.finish_reason)
  expect(reasons.slice(0, -1)).toEqual(reasons.slice(0, -1).map(() => null))
  expect(reasons.length).toBeGreaterThan(4)
  expect(usage).toEqual(whole.usage)
})

test('sampling follows its seed, and a reply ends before a stop string', async () => {
  const messages = asked('Say hi.')
  const sample = (seed: number) =>
    client.chat.completions
      .create({ ...small, messages, temperature: 1, seed, max_tokens: 40 })
      .then(({ choices }) => choices[0]!.message.content!)
  const text = await sample(1)
  expect(await sample(1)).toBe(text)
  expect(await sample(2)).not.toBe(text)
  const stop = text.slice(10, 12)
  const stopped = await client.chat.completions.create({
    ...small,
    messages,
    temperature: 1,
    seed: 1,
    max_tokens: 40,
    stop,
  })
  expect(stopped.choices[0]).toMatchObject({
    message: { content: text.slice(0, text.indexOf(stop)) },
    finish_reason: 'stop',
  })
})

test('curl gets a reply, and a stream as server-sent events', async () => {
  const body = JSON.stringify({ ...small, messages: asked('Say hi.') })
  const curl = (...words: string[]) =>
    promisify(execFile)('curl', [
      '-sS',
      '-N',
      ...words,
      '-H',
      'content-type: application/json',
      `${server.url}/chat/completions`,
    ])
  const { stdout } = await curl('-d', body)
  const { content } = JSON.parse(stdout).choices[0].message
  const { stdout: events } = await curl('-d', JSON.stringify({ ...JSON.parse(body), stream: true }))
  const lines = events.split('\n\n').filter(Boolean)
  expect(lines.at(-1)).toBe('data: [DONE]')
  const chunks = lines.slice(0, -1).map((line) => JSON.parse(line.replace(/^data: /, '')))
  expect(chunks.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(content)
  const health = await promisify(execFile)('curl', ['-sS', server.url.replace('/v1', '/health')])
  expect(JSON.parse(health.stdout)).toEqual({ status: 'ok', model: 'tiny', running: 0, waiting: 0 })
})

test('32 clients at once each get the reply they would get alone', async () => {
  const conversations = Array.from({ length: 32 }, (_, i) =>
    asked(`Question ${i}: what is ${i} + ${i * 7}?${' Think.'.repeat(i % 5)}`, [undefined, photo, other][i % 3]),
  )
  // Without a penalty a token's lead is that of its logits.
  const penalty = { repetition_penalty: 1 }
  const alone = []
  for (const messages of conversations) {
    const inputs = await model.processor.prepare(asOurs(messages))
    const { tokenIds, text } = await model.generate(inputs, { maxNewTokens: 8, repetitionPenalty: 1 })
    const certain = await nearTie(model, inputs, tokenIds)
    alone.push({ text, tokenIds, certain })
    inputs.pixelValues?.dispose()
  }
  const replies = await Promise.all(
    conversations.map((messages) => client.chat.completions.create({ ...small, ...penalty, max_tokens: 8, messages })),
  )
  let [compared, cut] = [0, 0]
  for (const [i, { text, tokenIds, certain }] of alone.entries()) {
    const found = replies[i]!.choices[0]!.message.content!
    const prefix = model.processor.tokenizer.decode(tokenIds.slice(0, certain), { skipSpecialTokens: true })
    if (certain === tokenIds.length) expect(found).toBe(text)
    // a character whose bytes the cut divides reads as U+FFFD
    else expect(found.startsWith(prefix.replace(/\uFFFD+$/, ''))).toBe(true)
    compared += certain
    cut += tokenIds.length - certain
  }
  console.info(`serve: 32 concurrent replies, ${compared} tokens compared, ${cut} cut at near-ties`)
  expect(cut / (compared + cut)).toBeLessThanOrEqual(0.05)
  expect(server.running + server.waiting).toBe(0)
  expect(memory().tensors).toBe(0)
})

test.each([
  ['no JSON', '{', 400, 'invalid_json', null],
  ['no model', { messages: asked('x') }, 400, 'invalid_value', 'model'],
  ['another model', { model: 'gpt', messages: asked('x') }, 404, 'model_not_found', 'model'],
  ['no messages', { model: 'tiny', messages: [] }, 400, 'invalid_value', 'messages'],
  [
    'an unknown role',
    { model: 'tiny', messages: [{ role: 'tool', content: 'x' }] },
    400,
    'invalid_value',
    'messages[0].role',
  ],
  ['a temperature below 0', { ...small, messages: asked('x'), temperature: -1 }, 400, 'invalid_value', 'temperature'],
  ['tools', { ...small, messages: asked('x'), tools: [{ type: 'function' }] }, 400, 'invalid_value', 'tools'],
  [
    'more tokens than allowed',
    { ...small, messages: asked('x'), max_tokens: 5000 },
    400,
    'invalid_value',
    'max_tokens',
  ],
  ['a file path', { ...small, messages: asked('x', '/etc/hostname') }, 400, 'err_image', 'messages'],
  ['a file URL', { ...small, messages: asked('x', 'file:///etc/hostname') }, 400, 'err_image', 'messages'],
  ['an http URL', { ...small, messages: asked('x', 'http://127.0.0.1:1/a.png') }, 400, 'err_image', 'messages'],
  ['a broken image', { ...small, messages: asked('x', 'data:image/png;base64,AAAA') }, 400, 'err_image', 'messages'],
  [
    'a prompt beyond the context',
    { ...small, messages: asked('x'.repeat(200_000)) },
    400,
    'context_length_exceeded',
    'messages',
  ],
])("%s is refused in OpenAI's shape", async (_, body, status, code, param) => {
  for (const stream of [false, true]) {
    const response = await post(typeof body === 'string' ? body : { ...body, stream })
    expect(await response.json()).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param, code },
    })
    expect(response.status).toBe(status)
  }
  expect(server.running + server.waiting).toBe(0)
})

test('other paths, methods and types are refused', async () => {
  const status = (path: string, init?: RequestInit) =>
    fetch(server.url.replace('/v1', path), init).then((r) => r.status)
  expect(await status('/v1/embeddings')).toBe(404)
  expect(await status('/v1/chat/completions')).toBe(405)
  expect(await status('/health', { method: 'POST' })).toBe(405)
  const response = await post({ ...small, messages: asked('x') }, { headers: { 'content-type': 'text/plain' } })
  expect(response.status).toBe(415)
})

test('a client that disconnects frees its slot within a token', async () => {
  // Steps as long as those of a large model: a tiny one makes dozens while the news of the closed socket travels.
  const step = native().batchStep
  const spy = vi.spyOn(native(), 'batchStep').mockImplementation(async (...given) => {
    await new Promise((resolve) => setTimeout(resolve, 10))
    return step(...given)
  })
  const steps = spy.mock.calls
  onTestFinished(() => void vi.restoreAllMocks())
  const only = await serve(model, { port: 0, name: 'tiny', maxRows: 1, maxQueue: 1, maxNewTokens: 4000 })
  const busy = new OpenAI({ baseURL: only.url, apiKey: 'none', maxRetries: 0 })
  const long = { model: 'tiny', max_tokens: 3900, messages: asked('Say hi.'), stream: true as const }
  const leaving = new AbortController()
  const ignoreStop = { ...long, repetition_penalty: 1 }
  const stream = await busy.chat.completions.create(ignoreStop, { signal: leaving.signal })
  const iterator = stream[Symbol.asyncIterator]()
  await iterator.next()
  // the only row is taken: this one waits, and the next finds no place
  const waiting = busy.chat.completions.create({ ...small, messages: asked('Say hi.') })
  while (only.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  await expect(busy.chat.completions.create({ ...small, messages: asked('x') })).rejects.toMatchObject({
    status: 429,
    code: 'rate_limit_exceeded',
    type: 'rate_limit_error',
  })
  const before = steps.length
  leaving.abort()
  expect((await waiting).usage!.completion_tokens).toBeLessThanOrEqual(12)
  // A step or two until its socket is known to be closed, and those of the reply that waited; the other had 3,900 to go.
  expect(steps.length - before).toBeLessThanOrEqual(12 + 4)
  expect([only.running, only.waiting]).toEqual([0, 0])
  await only.close()
})

test('a client that leaves the queue frees its place', async () => {
  const only = await serve(model, { port: 0, name: 'tiny', maxRows: 1, maxQueue: 1, maxNewTokens: 4000 })
  const busy = new OpenAI({ baseURL: only.url, apiKey: 'none', maxRetries: 0 })
  const running = new AbortController()
  const stream = await busy.chat.completions.create(
    { model: 'tiny', max_tokens: 3900, messages: asked('Say hi.'), stream: true, ...{ repetition_penalty: 1 } },
    { signal: running.signal },
  )
  await stream[Symbol.asyncIterator]().next()
  const leaving = new AbortController()
  const waiting = busy.chat.completions.create({ ...small, messages: asked('x') }, { signal: leaving.signal })
  const refused = expect(waiting).rejects.toThrow()
  while (only.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  leaving.abort()
  await refused
  while (only.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(only.running).toBe(1)
  running.abort()
  await only.close()
})

test('closing lets replies finish for a while, refuses new ones, and ends the rest', async () => {
  const closing = await serve(model, { port: 0, name: 'tiny', maxNewTokens: 4000, graceMs: 10_000 })
  const some = new OpenAI({ baseURL: closing.url, apiKey: 'none', maxRetries: 0 })
  const reply = some.chat.completions.create({ ...small, messages: asked('Count the shapes.', photo) })
  while (closing.running === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const closed = closing.close()
  await expect(some.chat.completions.create({ ...small, messages: asked('x') })).rejects.toThrow()
  expect((await reply).choices[0]!.finish_reason).toBeTruthy()
  await closed
  const hasty = await serve(model, { port: 0, name: 'tiny', maxNewTokens: 4000, graceMs: 0 })
  const cut = new OpenAI({ baseURL: hasty.url, apiKey: 'none', maxRetries: 0 })
  const long = cut.chat.completions.create({
    model: 'tiny',
    max_tokens: 3900,
    messages: asked('Say hi.'),
    ...{ repetition_penalty: 1 },
  })
  const ended = expect(long).rejects.toMatchObject({ status: 503, code: 'server_closing' })
  while (hasty.running === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  await hasty.close()
  await ended
  await model.generate([{ role: 'user', content: 'x' }], { maxNewTokens: 1 })
})

test('elsewhere than loopback a key is needed, and a request without it is refused', async () => {
  await expect(serve(model, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  await using guarded = await serve(model, { host: '0.0.0.0', port: 0, name: 'tiny', apiKeys: ['one', 'two'] })
  const baseURL = guarded.url.replace('0.0.0.0', '127.0.0.1')
  const list = (apiKey: string) => new OpenAI({ baseURL, apiKey, maxRetries: 0 }).models.list()
  expect((await list('two')).data).toHaveLength(1)
  await expect(list('three')).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
  const response = await fetch(`${baseURL}/models`)
  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ error: { code: 'missing_api_key' } })
  expect((await fetch(baseURL.replace('/v1', '/health'))).status).toBe(200)
})

test('without a key a request for a name that is not loopback is refused', async () => {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-H', 'Host: evil.example', `${server.url}/models`])
  expect(JSON.parse(stdout)).toMatchObject({ error: { message: expect.stringContaining("'evil.example'") } })
})

test('a body beyond the limit is refused, whether or not it says how long it is', async () => {
  await using strict = await serve(model, { port: 0, name: 'tiny', maxBodyBytes: 1000 })
  const body = JSON.stringify({ ...small, messages: asked('x'.repeat(2_000_000)) })
  const send = (init: RequestInit & { duplex?: 'half' }) =>
    fetch(`${strict.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ...init,
    })
  for (const init of [{ body }, { body: new Blob([body]).stream(), duplex: 'half' as const }]) {
    const response = await send(init)
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large', type: 'invalid_request_error' } })
  }
  expect(strict.running + strict.waiting).toBe(0)
})

test('images are fetched from URLs only where that is allowed', async () => {
  const images = createServer((_, response) => response.end(readFileSync('test/fixtures/images/photo.png')))
  await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(images.address() as AddressInfo).port}/photo.png`
  try {
    await using open = await serve(model, { port: 0, name: 'tiny', allowHttpImages: true })
    const fetching = new OpenAI({ baseURL: open.url, apiKey: 'none', maxRetries: 0 })
    const content: Content[] = [
      { type: 'image', image: photo },
      { type: 'text', text: 'Count the shapes.' },
    ]
    const expected = await model.generate([{ role: 'user', content }], { maxNewTokens: 12 })
    const reply = await fetching.chat.completions.create({ ...small, messages: asked('Count the shapes.', url) })
    expect(reply.choices[0]!.message.content).toBe(expected.text)
    await expect(
      fetching.chat.completions.create({ ...small, messages: asked('x', '/etc/hostname') }),
    ).rejects.toMatchObject({ status: 400 })
  } finally {
    images.close()
  }
})

test('a port that is taken is an error', async () => {
  const port = Number(new URL(server.url).port)
  await expect(serve(model, { port })).rejects.toMatchObject({ code: 'ERR_OUTPUT' })
})
