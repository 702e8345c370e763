import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { fixture } from '../processor/fixture.ts'

export type Files = Readonly<Record<string, Buffer>>

export const model = 'org/tiny'

/** A directory that lives as long as the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'frankentorch-hub-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The files of a fixture checkpoint. */
export function checkpointFiles(name: string): Files {
  const directory = fixture(`models/${name}`)
  return Object.fromEntries(readdirSync(directory).map((file) => [file, readFileSync(path.join(directory, file))]))
}

/** As the Hub names contents: by their SHA-256 where they lie in large-file storage, else by git's SHA-1. */
export function etagOf(name: string, content: Buffer): string {
  if (isLarge(name)) return createHash('sha256').update(content).digest('hex')
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

export interface Behaviour {
  /** Branches and tags: the commits they are. */
  refs?: Readonly<Record<string, string>>
  /** Without it the site answers 401. */
  token?: string
  gated?: boolean
  /** How many answers with a large file break off in the middle, or hang there. */
  breaks?: number
  hangs?: boolean
  /** The large file that arrives with a flipped byte. */
  corrupt?: string
  /** The ETag of small files, in place of their hash. */
  etag?: string
}

export interface Asked {
  host: 'site' | 'storage'
  method: string
  url: string
  range: string | undefined
  authorization: string | undefined
}

/**
 * A site like huggingface.co on the loopback, with one model and a storage on another port that it redirects to for large files. `asked` lists all requests.
 */
export async function hubSite(commits: Readonly<Record<string, Files>>, behaviour: Behaviour = {}) {
  const { refs = { main: Object.keys(commits).at(-1)! }, token, gated } = behaviour
  const asked: Asked[] = []
  const note = (host: Asked['host'], { method = '', url = '', headers }: http.IncomingMessage) =>
    asked.push({ host, method, url, range: headers.range, authorization: headers.authorization })

  let broken = 0
  const storage = await listen((request, response) => {
    note('storage', request)
    const [, commit, name] = request.url!.split('/')
    const content = Buffer.from(commits[commit!]![name!]!)
    if (behaviour.corrupt === name) content[content.length - 1]! ^= 1
    const breaks = broken++ < (behaviour.breaks ?? 0)
    send(request, response, content, breaks || behaviour.hangs ? (breaks ? 'breaks' : 'hangs') : 'whole')
  })

  const endpoint = await listen((request, response) => {
    note('site', request)
    const refuse = (status: number, code: string) => response.writeHead(status, { 'x-error-code': code }).end()
    const [, name, revision, file] = parse(request.url!)
    if (name !== model) return refuse(401, 'RepoNotFound')
    if (token && request.headers.authorization !== `Bearer ${token}`)
      return refuse(gated ? 403 : 401, gated ? 'GatedRepo' : 'RepoNotFound')
    const commit = refs[revision!] ?? revision!
    const files = commits[commit]
    if (!files) return refuse(404, 'RevisionNotFound')
    if (file === undefined) {
      const siblings = Object.keys(files).map((rfilename) => ({ rfilename }))
      return response.end(JSON.stringify({ id: model, sha: commit, siblings }))
    }
    const content = files[file]
    if (!content) return refuse(404, 'EntryNotFound')
    const etag = etagOf(file, content)
    response.setHeader('x-repo-commit', commit)
    if (!isLarge(file)) {
      return send(request, response.setHeader('etag', `"${behaviour.etag ?? etag}"`), content, 'whole')
    }
    response.setHeader('x-linked-etag', `"${etag}"`).setHeader('x-linked-size', content.length)
    response.writeHead(302, { location: `${storage}/${commit}/${file}` }).end()
  })
  return { endpoint, asked }
}

/** The address of a site that is not there: its port was free a moment ago. */
export async function closedSite(): Promise<string> {
  const server = http.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

function isLarge(name: string): boolean {
  return /\.(safetensors|bin)$/.test(name)
}

function parse(url: string): (string | undefined)[] {
  const listing = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(url)
  const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/([^/]+)$/.exec(url)
  return (listing ?? file ?? []).map((part) => part && decodeURIComponent(part))
}

function send(
  { method, headers }: http.IncomingMessage,
  response: http.ServerResponse,
  content: Buffer,
  how: 'whole' | 'breaks' | 'hangs',
): void {
  const start = Number(headers.range?.match(/\d+/)?.[0] ?? 0)
  const body = content.subarray(start)
  const partial = headers.range && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }
  response.writeHead(partial ? 206 : 200, { 'content-length': body.length, ...partial })
  if (method === 'HEAD') return void response.end()
  if (how === 'whole') return void response.end(body)
  response.write(body.subarray(0, Math.ceil(body.length / 2)), () => {
    if (how === 'breaks') setTimeout(() => response.destroy(), 20)
  })
}

async function listen(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
