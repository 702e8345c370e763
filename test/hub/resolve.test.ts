import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { type ResolveOptions, resolveModel } from '../../src/hub/index.ts'
import { compile } from '../cli/frankentorch.ts'
import {
  type Asked,
  checkpointFiles,
  closedSite,
  etagOf,
  type Files,
  hubSite,
  model,
  temporaryDirectory,
} from './site.ts'

beforeAll(compile)
// No test may meet the cache, the token or the site of whoever runs it.
beforeEach(() => {
  for (const name of ['HF_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE'])
    vi.stubEnv(name, '')
  vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1')
  vi.stubEnv('HF_HOME', '/nowhere')
})
afterEach(() => void vi.unstubAllEnvs())

const first = 'a'.repeat(40)
const second = 'b'.repeat(40)
const single: Files = {
  ...checkpointFiles('hub-tied'),
  'README.md': Buffer.from('# A model'),
  'pytorch_model.bin': Buffer.alloc(1000),
}
const sharded = checkpointFiles('v5-sharded')
const weights = 'model.safetensors'

const fetched = (asked: readonly Asked[]) =>
  asked.filter(({ method, url }) => method === 'GET' && !url.startsWith('/api/'))
const folderOf = (cacheDir: string) => path.join(cacheDir, 'models--org--tiny')
const blobOf = (cacheDir: string, name: string, files = single) =>
  path.join(folderOf(cacheDir), 'blobs', etagOf(name, files[name]!))

/** A cache that an earlier call filled. */
async function filled(files = single): Promise<string> {
  const cacheDir = temporaryDirectory()
  const { endpoint } = await hubSite({ [first]: files })
  await resolveModel(model, { endpoint, cacheDir })
  return cacheDir
}

async function failure(name: string, options: ResolveOptions): Promise<{ code: string; message: string }> {
  return resolveModel(name, options).then(
    (directory) => expect.unreachable(`resolved to ${directory}`),
    ({ code, message }) => ({ code, message }),
  )
}

test('a directory is itself, without a look at the network', async () => {
  const directory = temporaryDirectory()
  expect(await resolveModel(directory)).toBe(directory)
})

test('what is neither a directory nor org/name does not exist', async () => {
  for (const name of ['/no/such/model', './org/name', 'tiny', 'a/b/c'])
    expect(await failure(name, {})).toMatchObject({ code: 'ERR_CHECKPOINT_NOT_FOUND' })
  expect((await failure('org/tiny@a/../../b', {})).code).toBe('ERR_INVALID_ARGUMENT')
  expect((await failure('org/tiny@v1', { revision: 'v2' })).code).toBe('ERR_INVALID_ARGUMENT')
})

describe('fetched', () => {
  test('in the layout of the Hugging Face cache, without what nobody needs', async () => {
    const cacheDir = temporaryDirectory()
    const { endpoint } = await hubSite({ [first]: single })
    const progress: [number, number][] = []
    const directory = await resolveModel(model, {
      endpoint,
      cacheDir,
      onProgress: (done, total) => progress.push([done, total]),
    })
    expect(directory).toBe(path.join(folderOf(cacheDir), 'snapshots', first))
    const needed = Object.keys(single).filter((name) => !['README.md', 'pytorch_model.bin'].includes(name))
    expect(readdirSync(directory).sort()).toEqual(needed.sort())
    for (const name of needed) {
      expect(readlinkSync(path.join(directory, name))).toBe(`../../blobs/${etagOf(name, single[name]!)}`)
      expect(readFileSync(path.join(directory, name)).equals(single[name]!)).toBe(true)
    }
    expect(readFileSync(path.join(folderOf(cacheDir), 'refs/main'), 'utf8')).toBe(first)
    expect(readdirSync(path.join(folderOf(cacheDir), 'blobs'))).toHaveLength(
      new Set(needed.map((name) => etagOf(name, single[name]!))).size,
    )
    const total = needed.reduce((sum, name) => sum + single[name]!.length, 0)
    expect(progress.at(-1)).toEqual([total, total])
    expect((await openCheckpoint(directory)).config.vision).not.toBeNull()
  })

  test('in shards, those that the index names', async () => {
    const cacheDir = temporaryDirectory()
    const { endpoint } = await hubSite({ [first]: { ...sharded, 'other-00001-of-00001.safetensors': Buffer.alloc(8) } })
    const directory = await resolveModel(model, { endpoint, cacheDir })
    expect(readdirSync(directory)).not.toContain('other-00001-of-00001.safetensors')
    expect((await openCheckpoint(directory)).files.length).toBeGreaterThan(1)
  })

  test('once: later calls ask only which commit the branch is, and offline nothing', async () => {
    const cacheDir = await filled()
    const { endpoint, asked } = await hubSite({ [first]: single })
    const directory = await resolveModel(model, { endpoint, cacheDir })
    expect(asked.map(({ url }) => url)).toEqual([`/api/models/${model}/revision/main`])
    expect(await resolveModel(model, { endpoint, cacheDir, offline: true })).toBe(directory)
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    vi.stubEnv('HF_HUB_CACHE', cacheDir)
    expect(await resolveModel(model)).toBe(directory)
    expect(asked).toHaveLength(1)
  })

  test('again when the branch has moved on, but only files that changed', async () => {
    const cacheDir = await filled()
    const changed = { ...single, 'generation_config.json': Buffer.from('{"eos_token_id": 258}') }
    const { endpoint, asked } = await hubSite({ [first]: single, [second]: changed })
    const directory = await resolveModel(model, { endpoint, cacheDir })
    expect(path.basename(directory)).toBe(second)
    expect(fetched(asked).map(({ url }) => path.basename(url))).toEqual(['generation_config.json'])
    expect(readFileSync(path.join(folderOf(cacheDir), 'refs/main'), 'utf8')).toBe(second)
    expect(await resolveModel(`${model}@${first}`, { cacheDir, offline: true })).toContain(first)
  })

  test('by tag or commit; a commit in the cache needs no network', async () => {
    const cacheDir = temporaryDirectory()
    const { endpoint, asked } = await hubSite(
      { [first]: single, [second]: sharded },
      { refs: { v1: first, main: second } },
    )
    expect(path.basename(await resolveModel(`${model}@v1`, { endpoint, cacheDir }))).toBe(first)
    expect(readdirSync(path.join(folderOf(cacheDir), 'refs'))).toEqual(['v1'])
    expect(path.basename(await resolveModel(model, { endpoint, cacheDir, revision: second }))).toBe(second)
    const before = asked.length
    await resolveModel(model, { endpoint, cacheDir, revision: first })
    expect(asked).toHaveLength(before)
  })

  test('when links are there but what they point to is gone', async () => {
    const cacheDir = await filled()
    rmSync(blobOf(cacheDir, weights))
    const { endpoint, asked } = await hubSite({ [first]: single })
    await resolveModel(model, { endpoint, cacheDir })
    expect(fetched(asked).every(({ url }) => url.endsWith(weights))).toBe(true)
    expect(statSync(blobOf(cacheDir, weights)).size).toBe(single[weights]!.length)
  })
})

describe('a download that breaks', () => {
  test('goes on where it stopped', async () => {
    const cacheDir = temporaryDirectory()
    const { endpoint, asked } = await hubSite({ [first]: single }, { breaks: 1 })
    await resolveModel(model, { endpoint, cacheDir })
    const ranges = asked.filter(({ host }) => host === 'storage').map(({ range }) => range)
    // What had not reached the disk when the connection broke is fetched again.
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)])
  })

  test('is kept when aborted, and continued by the next call', async () => {
    const cacheDir = temporaryDirectory()
    const hanging = await hubSite({ [first]: single }, { hangs: true })
    const controller = new AbortController()
    const part = `${blobOf(cacheDir, weights)}.incomplete`
    const half = Math.ceil(single[weights]!.length / 2)
    const stopped = failure(model, { endpoint: hanging.endpoint, cacheDir, signal: controller.signal })
    await vi.waitFor(() => expect(statSync(part).size).toBe(half), { timeout: 5000 })
    controller.abort()
    expect((await stopped).code).toBe('ERR_ABORTED')
    const { endpoint, asked } = await hubSite({ [first]: single })
    await resolveModel(model, { endpoint, cacheDir })
    expect(fetched(asked).filter(({ host }) => host === 'storage')[0]!.range).toBe(`bytes=${half}-`)
    expect(readdirSync(path.join(folderOf(cacheDir), 'blobs')).filter((name) => name.endsWith('.incomplete'))).toEqual(
      [],
    )
  })

  test('begins anew when what an earlier one left is wrong', async () => {
    const cacheDir = temporaryDirectory()
    mkdirSync(path.join(folderOf(cacheDir), 'blobs'), { recursive: true })
    writeFileSync(`${blobOf(cacheDir, weights)}.incomplete`, 'x'.repeat(100))
    const { endpoint, asked } = await hubSite({ [first]: single })
    const directory = await resolveModel(model, { endpoint, cacheDir })
    expect(readFileSync(path.join(directory, weights)).equals(single[weights]!)).toBe(true)
    const ranges = asked.filter(({ host }) => host === 'storage').map(({ range }) => range)
    expect(ranges).toEqual(['bytes=100-', undefined])
  })

  test('into something else than the hash says is removed', async () => {
    const cacheDir = temporaryDirectory()
    const { endpoint } = await hubSite({ [first]: single }, { corrupt: weights })
    const { code, message } = await failure(model, { endpoint, cacheDir })
    expect(code).toBe('ERR_HUB')
    expect(message).toContain(`to have the hash ${etagOf(weights, single[weights]!)}`)
    const blobs = readdirSync(path.join(folderOf(cacheDir), 'blobs'))
    expect(blobs.filter((name) => name.startsWith(etagOf(weights, single[weights]!)))).toEqual([])
    expect(readdirSync(folderOf(cacheDir))).not.toContain('refs')
  })
})

test('two processes at once fetch each file once', async () => {
  const cacheDir = temporaryDirectory()
  const { endpoint, asked } = await hubSite({ [first]: sharded })
  const library = new URL('../../dist/hub/index.js', import.meta.url).href
  const script = `const { resolveModel } = await import('${library}'); console.log(await resolveModel('${model}'))`
  const run = () => {
    const env = { ...process.env, HF_ENDPOINT: endpoint, HF_HUB_CACHE: cacheDir }
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env })
    return text(child.stdout)
  }
  const directory = path.join(folderOf(cacheDir), 'snapshots', first)
  expect(await Promise.all([run(), run()])).toEqual([`${directory}\n`, `${directory}\n`])
  const large = fetched(asked).filter(({ host }) => host === 'storage')
  expect(large).toHaveLength(new Set(large.map(({ url }) => url)).size)
  expect((await openCheckpoint(directory)).files.length).toBeGreaterThan(1)
}, 30_000)

describe('the token', () => {
  const token = 'hf_secret'

  test('of HF_TOKEN or of the file that `hf auth login` writes goes to the site, and not to its storage', async () => {
    const home = temporaryDirectory()
    writeFileSync(path.join(home, 'token'), `${token}\n`)
    for (const [name, value] of [
      ['HF_TOKEN', token],
      ['HF_HOME', home],
    ]) {
      vi.stubEnv(name!, value!)
      const { endpoint, asked } = await hubSite({ [first]: single }, { token })
      await resolveModel(model, { endpoint, cacheDir: temporaryDirectory() })
      const sent = (host: string) => new Set(asked.filter((one) => one.host === host).map((one) => one.authorization))
      expect(sent('site')).toEqual(new Set([`Bearer ${token}`]))
      expect(sent('storage')).toEqual(new Set([undefined]))
      vi.stubEnv('HF_TOKEN', '')
    }
  })

  test('false sends none; a model it may not read is refused with what to do', async () => {
    vi.stubEnv('HF_TOKEN', token)
    const cacheDir = temporaryDirectory()
    const hidden = await hubSite({ [first]: single }, { token })
    const { code, message } = await failure(model, { endpoint: hidden.endpoint, cacheDir, token: false })
    expect(code).toBe('ERR_HUB')
    expect(message).toMatch(/shows no model org\/tiny .* private or gated, set HF_TOKEN/)
    const gated = await hubSite({ [first]: single }, { token, gated: true })
    expect((await failure(model, { endpoint: gated.endpoint, cacheDir, token: 'other' })).message).toContain(
      `accept its terms at ${gated.endpoint}/org/tiny`,
    )
  })
})

describe('refused by name:', () => {
  test.each<[string, string, Files, RegExp]>([
    ['a model that is not there', 'org/none', single, /shows no model org\/none/],
    ['a revision that is not there', 'org/tiny@v9', single, /org\/tiny has no revision v9/],
    [
      'pickled weights',
      model,
      { 'config.json': Buffer.from('{}'), 'pytorch_model.bin': Buffer.alloc(8) },
      /must be converted to safetensors/,
    ],
    ['something that is no model', model, { 'README.md': Buffer.from('') }, /has no config\.json/],
  ])('%s', async (_, name, files, message) => {
    const { endpoint } = await hubSite({ [first]: files })
    const refused = await failure(name, { endpoint, cacheDir: temporaryDirectory() })
    expect(refused.code).toBe('ERR_HUB')
    expect(refused.message).toMatch(message)
  })

  test('an etag that would lie elsewhere than in the cache', async () => {
    const cacheDir = temporaryDirectory()
    const { endpoint } = await hubSite({ [first]: single }, { etag: '../../../elsewhere' })
    const refused = await failure(model, { endpoint, cacheDir })
    expect(refused).toMatchObject({ code: 'ERR_HUB', message: expect.stringContaining('found ../../../elsewhere') })
    expect(readdirSync(cacheDir)).toEqual([])
  })
})

describe('without the network', () => {
  test('a whole snapshot in the cache serves, whatever the site says', async () => {
    const cacheDir = await filled()
    const directory = path.join(folderOf(cacheDir), 'snapshots', first)
    expect(await resolveModel(model, { endpoint: await closedSite(), cacheDir })).toBe(directory)
    const { endpoint } = await hubSite({ [first]: single }, { token: 'expired' })
    expect(await resolveModel(model, { endpoint, cacheDir })).toBe(directory)
  })

  test('what is not there is an error with the command that fetches it', async () => {
    const cacheDir = temporaryDirectory()
    const offline = await failure(model, { cacheDir, offline: true })
    expect(offline.code).toBe('ERR_HUB')
    expect(offline.message).toMatch(/holds none of it, and offline mode \(HF_HUB_OFFLINE\) .* hf download org\/tiny/)
    const endpoint = await closedSite()
    const unreachable = await failure(`${model}@v1`, { cacheDir, endpoint })
    expect(unreachable.code).toBe('ERR_HUB')
    expect(unreachable.message).toMatch(
      /cannot be reached \(.*ECONNREFUSED.*\)\. .* hf download org\/tiny --revision v1/,
    )
  })

  test('what is there in part is named', async () => {
    const cacheDir = await filled(sharded)
    const shard = Object.keys(sharded).find((name) => name.endsWith('.safetensors'))!
    rmSync(blobOf(cacheDir, shard, sharded))
    expect((await failure(model, { cacheDir, offline: true })).message).toContain(`lacks ${shard} of it`)
  })
})
