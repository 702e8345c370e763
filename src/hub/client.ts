import { z } from 'zod'
import { check } from '../check.ts'
import { error, messageOf } from '../errors.ts'
import { version } from '../version.ts'

/** A site in the manner of huggingface.co. */
export interface Hub {
  endpoint: string
  /** Goes to the host of `endpoint` and no other. */
  token?: string
  signal?: AbortSignal
}

/** A file of a commit: `etag` is its SHA-256, or that of git's blob (SHA-1) for small ones, and names it in the cache. */
export interface RemoteFile {
  name: string
  url: string
  etag: string
  size: number
}

/** The network, or the site, is out of order: another time may do. */
export class HubUnreachable extends Error {}

const timeoutMs = 10_000

const RevisionInfo = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/, 'a commit of 40 hex digits'),
  siblings: z.array(z.object({ rfilename: z.string() })),
})

/** The commit that a revision is, and the names of its files. Throws `HubUnreachable` or `ERR_HUB`. */
export async function revisionInfo(
  hub: Hub,
  model: string,
  revision: string,
): Promise<{ commit: string; files: string[] }> {
  const url = `${hub.endpoint}/api/models/${model}/revision/${encodeURIComponent(revision)}`
  const response = await request(hub, url, {})
  if (!response.ok) throw refusal(response, hub, model, revision)
  const json: unknown = await response.json().catch((cause) => {
    throw new HubUnreachable(`${url} answers with something else than JSON (${messageOf(cause)})`)
  })
  const { sha, siblings } = check(RevisionInfo, json, url, 'ERR_HUB')
  return { commit: sha, files: siblings.map(({ rfilename }) => rfilename) }
}

/** What the site says of a file before it is fetched. Throws `HubUnreachable` or `ERR_HUB`. */
export async function remoteFile(hub: Hub, model: string, commit: string, name: string): Promise<RemoteFile> {
  const url = `${hub.endpoint}/${model}/resolve/${commit}/${encodeURIComponent(name)}`
  const { headers } = await head(hub, url, model, commit)
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag'))?.replace(/^W\//, '').replaceAll('"', '')
  const size = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? Number.NaN)
  // The etag becomes a file name: a site may not place it elsewhere.
  if (!etag || !/^[\w-]+$/.test(etag) || !Number.isSafeInteger(size)) {
    throw error(
      'ERR_HUB',
      `Expected X-Linked-Etag or ETag, and the size, of ${url} but found ${etag} and ${size} bytes`,
    )
  }
  return { name, url, etag, size }
}

export function requestHeaders({ token }: Hub): Record<string, string> {
  return { 'user-agent': `frankentorch/${version}`, ...(token && { authorization: `Bearer ${token}` }) }
}

// A renamed model redirects within the site; a large file to its storage elsewhere, whose headers say nothing.
async function head(hub: Hub, from: string, model: string, commit: string): Promise<Response> {
  let url = from
  for (let hop = 0; hop < 5; hop++) {
    const response = await request(hub, url, { method: 'HEAD', redirect: 'manual' })
    const location = response.headers.get('location')
    if (response.status >= 400) throw refusal(response, hub, model, commit)
    if (!location || response.headers.has('x-linked-etag')) return response
    const next = new URL(location, url)
    if (next.origin !== new URL(url).origin) return response
    url = next.href
  }
  throw error('ERR_HUB', `${from} redirects in circles`)
}

async function request(hub: Hub, url: string, init: RequestInit): Promise<Response> {
  const patience = AbortSignal.timeout(timeoutMs)
  const signal = hub.signal ? AbortSignal.any([hub.signal, patience]) : patience
  const headers = { ...requestHeaders(hub), 'accept-encoding': 'identity' }
  const response = await fetch(url, { ...init, headers, signal }).catch((cause: Error) => {
    hub.signal?.throwIfAborted()
    throw new HubUnreachable(`${hub.endpoint} cannot be reached (${messageOf(cause.cause ?? cause)})`, { cause })
  })
  if (response.status === 429 || response.status >= 500) {
    throw new HubUnreachable(`${hub.endpoint} answers with HTTP status ${response.status}`)
  }
  return response
}

function refusal({ status, headers }: Response, { endpoint, token }: Hub, model: string, revision: string): Error {
  const code = headers.get('x-error-code')
  const login = token ? 'check the token (HF_TOKEN, or `hf auth login`)' : 'set HF_TOKEN, or run `hf auth login`'
  if (code === 'GatedRepo') {
    const terms = `accept its terms at ${endpoint}/${model}`
    return error(
      'ERR_HUB',
      `${model} is gated and ${token ? 'this token' : 'without a token one'} may not read it: ${terms}, and ${login}`,
    )
  }
  if (code === 'RevisionNotFound') return error('ERR_HUB', `${model} has no revision ${revision} at ${endpoint}`)
  if (code === 'RepoNotFound' || status === 401 || status === 404) {
    return error(
      'ERR_HUB',
      `${endpoint} shows no model ${model} (and no directory has that name here). If it is private or gated, ${login}`,
    )
  }
  const reason = headers.get('x-error-message')
  return error(
    'ERR_HUB',
    `${endpoint} refuses ${model}@${revision}: HTTP status ${status}${reason ? `, ${reason}` : ''}`,
  )
}
