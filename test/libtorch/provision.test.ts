import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { locateLibtorch } from '../../src/libtorch/locate.ts'
import { type ProvisionOptions, provisionLibtorch } from '../../src/libtorch/provision.ts'
import type { Release } from '../../src/libtorch/release.ts'
import { madeUpRelease, site, temporaryDirectory, wheel, wheelFiles, zip } from './site.ts'

const quick = { pause: 1, stall: 150 }
const noPip = { commands: [['frankentorch-no-such-pip']] }

function provision(cache: string, release: Release, options: ProvisionOptions = {}) {
  const environment = { FRANKENTORCH_CACHE: cache }
  return provisionLibtorch({ environment, release, download: quick, pip: noPip, ...options })
}

test('libraries and headers are unpacked, nothing else stays in the cache, and the result is what locateLibtorch finds', async () => {
  const cache = temporaryDirectory()
  const release = madeUpRelease((await site()).url)
  const libtorch = await provision(cache, release)
  expect(libtorch).toEqual(locateLibtorch({ environment: { FRANKENTORCH_CACHE: cache }, release }))
  expect(readdirSync(cache)).toEqual(['libtorch-9.8.7-cpu'])
  const files = readdirSync(libtorch.directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  expect(files.map(({ name }) => name).sort()).toEqual([
    'ATen.h',
    'frankentorch.json',
    'libc10.so',
    'libgomp.so.1',
    'libtorch.so',
    'libtorch_cpu.so',
    'version.h',
  ])
  expect(readFileSync(path.join(libtorch.lib, 'libtorch_cpu.so'), 'utf8')).toBe(wheelFiles['torch/lib/libtorch_cpu.so'])
})

test('a second call does not ask the site', async () => {
  const cache = temporaryDirectory()
  const { url, ranges } = await site()
  await provision(cache, madeUpRelease(url))
  await provision(cache, madeUpRelease(url))
  expect(ranges).toHaveLength(1)
})

test.each([
  ['breaks', false],
  ['hangs', true],
])('a connection that %s is taken up again where it stopped', async (_, hang) => {
  const { url, ranges } = await site({ breaks: { answers: 2, after: 100, hang } })
  await provision(temporaryDirectory(), madeUpRelease(url))
  expect(ranges).toEqual([undefined, 'bytes=100-', 'bytes=200-'])
})

test('a download given up is kept and continued by the next call', async () => {
  const cache = temporaryDirectory()
  const broken = await site({ breaks: { answers: 9, after: 100 } })
  const refused = provision(cache, madeUpRelease(broken.url), { download: { ...quick, attempts: 0 } })
  await expect(refused).rejects.toMatchObject({
    code: 'ERR_LIBTORCH_DOWNLOAD',
    message: expect.stringMatching(/received 100 .*npx frankentorch setup/),
  })
  const whole = await site()
  await provision(cache, madeUpRelease(whole.url))
  expect(whole.ranges).toEqual(['bytes=100-'])
})

test('a site that knows no ranges sends the whole file again', async () => {
  const { url, ranges } = await site({ breaks: { answers: 1, after: 100 }, ignoresRange: true })
  await provision(temporaryDirectory(), madeUpRelease(url))
  expect(ranges).toEqual([undefined, 'bytes=100-'])
})

test('a file with the wrong checksum is refused and removed', async () => {
  const cache = temporaryDirectory()
  const content = Buffer.from(wheel)
  content[50]! ^= 1
  const { url } = await site({ content })
  await expect(provision(cache, madeUpRelease(url))).rejects.toMatchObject({
    code: 'ERR_LIBTORCH_DOWNLOAD',
    message: expect.stringMatching(/Expected SHA-256 .* but found .*removed/),
  })
  expect(readdirSync(cache)).toEqual([])
})

test('two at once fetch once, and both get the whole libtorch', async () => {
  const cache = temporaryDirectory()
  const { url, ranges } = await site()
  const [one, other] = await Promise.all([provision(cache, madeUpRelease(url)), provision(cache, madeUpRelease(url))])
  expect(one).toEqual(other)
  expect(ranges).toHaveLength(1)
  expect(readdirSync(cache)).toEqual(['libtorch-9.8.7-cpu'])
})

test('what a killed setup left, its lock, its temporary directory and a half directory, does not stand in the way', async () => {
  const cache = temporaryDirectory()
  const release = madeUpRelease((await site()).url)
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(path.join(cache, 'libtorch-9.8.7-cpu.lock'), JSON.stringify({ host: os.hostname(), pid }))
  mkdirSync(path.join(cache, 'libtorch-9.8.7-cpu.0.tmp/lib'), { recursive: true })
  mkdirSync(path.join(cache, 'libtorch-9.8.7-cpu/lib'), { recursive: true })
  await provision(cache, release)
  expect(readdirSync(cache)).toEqual(['libtorch-9.8.7-cpu'])
})

test('a wheel without the libraries is refused', async () => {
  const cache = temporaryDirectory()
  const content = zip({ 'torch/include/ATen/ATen.h': '' })
  const sha256 = createHash('sha256').update(content).digest('hex')
  const release = { ...madeUpRelease((await site({ content })).url), bytes: content.length, sha256 }
  await expect(provision(cache, release)).rejects.toMatchObject({ code: 'ERR_LIBTORCH_DOWNLOAD' })
  expect(existsSync(path.join(cache, 'libtorch-9.8.7-cpu'))).toBe(false)
})

test('a cache that cannot be written to is reported with the way round it', async () => {
  const cache = path.join(temporaryDirectory(), 'cache')
  mkdirSync(cache, { mode: 0o555 })
  const release = madeUpRelease((await site()).url)
  const root = process.geteuid!() === 0
  // Permissions do not bind root.
  if (root) process.seteuid!(65534)
  try {
    await expect(provision(cache, release)).rejects.toMatchObject({
      code: 'ERR_LIBTORCH_DOWNLOAD',
      message: expect.stringMatching(/EACCES.*FRANKENTORCH_CACHE=DIR/),
    })
  } finally {
    if (root) process.seteuid!(0)
  }
})
