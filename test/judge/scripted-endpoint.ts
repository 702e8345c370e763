import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export interface ChatRequest {
  model: string
  max_tokens: number
  temperature: number
  messages: {
    role: string
    content: string | ({ type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } })[]
  }[]
}

/** What an endpoint does with a request: replies with a text, answers with a status, or hangs up. */
export type Outcome = string | { status: number } | 'hang up' | { text: string; finish_reason: string }

/** A loopback endpoint that does what `script` says; it counts requests and those that were before it at once. */
export async function scriptedEndpoint(script: (request: ChatRequest, turn: number) => Outcome | Promise<Outcome>) {
  const requests: ChatRequest[] = []
  const authorizations: (string | undefined)[] = []
  let [atOnce, most] = [0, 0]
  const server = createServer(async (incoming, response) => {
    const send = (status: number, body: object) => {
      // the client's pauses between tries would take seconds
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1' })
      response.end(JSON.stringify(body))
    }
    if (incoming.url === '/v1/models') return send(200, { object: 'list', data: [{ id: 'scripted', object: 'model' }] })
    if (incoming.url !== '/v1/chat/completions') return send(404, { error: { message: 'no such page' } })
    const request = (await json(incoming)) as ChatRequest
    authorizations.push(incoming.headers.authorization)
    most = Math.max(most, ++atOnce)
    const outcome = await script(request, requests.push(request) - 1)
    atOnce--
    if (outcome === 'hang up') return void incoming.socket.destroy()
    if (typeof outcome === 'object' && 'status' in outcome)
      return send(outcome.status, { error: { message: `scripted ${outcome.status}`, type: 'scripted' } })
    const { text, finish_reason } = typeof outcome === 'string' ? { text: outcome, finish_reason: 'stop' } : outcome
    send(200, {
      id: 'x',
      object: 'chat.completion',
      created: 0,
      model: request.model,
      choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason }],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    authorizations,
    mostAtOnce: () => most,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The text of a request's last message. */
export function textOf({ messages }: ChatRequest): string {
  const { content } = messages.at(-1)!
  return typeof content === 'string'
    ? content
    : content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
}
