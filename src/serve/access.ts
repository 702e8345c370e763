import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { RequestError } from './failure.ts'

/** Whether only this machine reaches `host`. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

/**
 * Throws a 401 unless the request has one of `keys`, or a 403 where no key is asked for and the request did not come for a loopback name: a page in
 * the user's browser could otherwise reach this server through a name of its own that resolves to 127.0.0.1.
 */
export function requireAccess(request: IncomingMessage, keys: readonly string[]): void {
  if (keys.length === 0) {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '')
    if (!isLoopback(host)) throw new RequestError(403, `Expected a loopback Host header but received '${host}'`)
    return
  }
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (given === undefined) {
    throw new RequestError(401, 'Expected the header Authorization: Bearer KEY', { code: 'missing_api_key' })
  }
  // every key is compared, each in constant time
  if (keys.map((key) => same(key, given)).includes(true)) return
  throw new RequestError(401, 'The API key is not one of this server', { code: 'invalid_api_key' })
}

function same(key: string, given: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(key), digest(given))
}
