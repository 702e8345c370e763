import type { IncomingMessage } from 'node:http'
import { messageOf } from '../errors.ts'
import { RequestError } from './failure.ts'

/** The JSON of a request's body. Throws 415 for another type, 413 beyond `maxBytes`, 400 for what is no JSON. */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  // A browser sends this type to another origin only after asking, and we do not answer that question.
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    throw new RequestError(415, 'Expected the header Content-Type: application/json')
  if (request.headers['content-encoding'] !== undefined)
    throw new RequestError(415, 'Expected a body without Content-Encoding')
  const text = (await readBytes(request, maxBytes)).toString('utf8')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RequestError(400, `The body is not JSON: ${messageOf(cause)}`, { code: 'invalid_json' })
  }
}

async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new RequestError(413, `The body is larger than ${maxBytes} bytes`, { code: 'request_too_large' })
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  // By events: leaving a loop over the request would destroy its socket, and with it the answer.
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else reject(tooLarge())
    })
    request.on('end', resolve)
    request.on('error', reject)
  })
  return Buffer.concat(chunks)
}
