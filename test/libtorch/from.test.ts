import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { provisionLibtorch } from '../../src/libtorch/provision.ts'
import { closedSite, madeUpRelease, site, temporaryDirectory, wheel } from './site.ts'

// Its own site is out of reach: whatever arrives came from `from`.
const release = madeUpRelease(await closedSite())
const noPip = { commands: [['frankentorch-no-such-pip']] }

function provision(cache: string, from: string, signal?: AbortSignal) {
  const download = { pause: 1, attempts: 1 }
  return provisionLibtorch({ environment: { FRANKENTORCH_CACHE: cache }, release, from, signal, download, pip: noPip })
}

function written(content: Buffer): string {
  const file = path.join(temporaryDirectory(), 'torch.whl')
  writeFileSync(file, content)
  return file
}

/** A torch package of pip as far as setup looks at it. */
function torchPackage(
  version: string,
  libraries = ['libc10.so', 'libtorch_cpu.so', 'libtorch.so', 'libtorch_python.so'],
): string {
  const directory = temporaryDirectory()
  mkdirSync(path.join(directory, 'lib'))
  mkdirSync(path.join(directory, 'include/ATen'), { recursive: true })
  for (const name of libraries) writeFileSync(path.join(directory, 'lib', name), name)
  writeFileSync(path.join(directory, 'include/ATen/ATen.h'), '')
  writeFileSync(path.join(directory, 'version.py'), `__version__ = '${version}+cpu'`)
  return directory
}

describe('a wheel', () => {
  test.each([
    ['as a path', (file: string) => file],
    ['as a file URL', (file: string) => pathToFileURL(file).href],
  ])('%s is unpacked and left where it is', async (_, name) => {
    const [cache, file] = [temporaryDirectory(), written(wheel)]
    const { directory } = await provision(cache, name(file))
    expect(readdirSync(cache)).toEqual([path.basename(directory)])
    expect(readFileSync(file)).toEqual(wheel)
  })

  test('of another build is refused and left where it is', async () => {
    const file = written(Buffer.from('another build'))
    await expect(provision(temporaryDirectory(), file)).rejects.toMatchObject({
      code: 'ERR_LIBTORCH_DOWNLOAD',
      message: expect.stringMatching(/Expected SHA-256 .* but that of .* is /),
    })
    expect(existsSync(file)).toBe(true)
  })

  test('that does not exist is an error with the ways out', async () => {
    await expect(provision(temporaryDirectory(), '/nowhere/torch.whl')).rejects.toMatchObject({
      code: 'ERR_LIBTORCH_DOWNLOAD',
      message: expect.stringMatching(/found no such file.*npx frankentorch setup --from/),
    })
  })
})

describe('a mirror', () => {
  test('is asked instead of the site, and resumed', async () => {
    const mirror = await site({ breaks: { answers: 1, after: 100 } })
    await provision(temporaryDirectory(), mirror.url)
    expect(mirror.ranges).toEqual([undefined, 'bytes=100-'])
  })

  test('whose file has the wrong checksum is refused, and the file removed', async () => {
    const cache = temporaryDirectory()
    const content = Buffer.from(wheel)
    content[50]! ^= 1
    await expect(provision(cache, (await site({ content })).url)).rejects.toMatchObject({
      code: 'ERR_LIBTORCH_DOWNLOAD',
      message: expect.stringContaining('the file was removed'),
    })
    expect(readdirSync(cache)).toEqual([])
  })

  test('that is out of reach is an error; pip is not asked', async () => {
    await expect(provision(temporaryDirectory(), await closedSite())).rejects.toMatchObject({
      code: 'ERR_LIBTORCH_DOWNLOAD',
      message: expect.not.stringContaining('pip'),
    })
  })
})

describe('a directory', () => {
  test('is copied as far as the addon needs it', async () => {
    const cache = temporaryDirectory()
    const { directory, version } = await provision(cache, torchPackage('9.8.7'))
    expect(version).toBe('9.8.7')
    expect(readdirSync(path.join(directory, 'lib')).sort()).toEqual(['libc10.so', 'libtorch.so', 'libtorch_cpu.so'])
    expect(existsSync(path.join(directory, 'include/ATen/ATen.h'))).toBe(true)
  })

  test.each([
    [
      'of another version',
      () => torchPackage('1.2.3'),
      'ERR_LIBTORCH_VERSION',
      /Expected libtorch 9\.8\.7 .* found 1\.2\.3/,
    ],
    [
      'for CUDA',
      () => torchPackage('9.8.7', ['libc10.so', 'libtorch_cpu.so', 'libtorch.so', 'libtorch_cuda.so']),
      'ERR_LIBTORCH_VERSION',
      /is for CUDA.*FRANKENTORCH_LIBTORCH=/,
    ],
    ['without the libraries', () => torchPackage('9.8.7', []), 'ERR_LIBTORCH_NOT_FOUND', /lacks lib\/libc10\.so/],
  ])('%s is refused, and nothing stays in the cache', async (_, from, code, message) => {
    const cache = temporaryDirectory()
    await expect(provision(cache, from())).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(readdirSync(cache)).toEqual([])
  })
})

test('an interrupted setup keeps what has arrived and says how to go on', async () => {
  const cache = temporaryDirectory()
  const mirror = await site({ breaks: { answers: 9, after: 100, hang: true } })
  const abort = new AbortController()
  const setup = provision(cache, mirror.url, abort.signal)
  await expect.poll(() => readdirSync(cache).some((name) => name.endsWith('.part'))).toBe(true)
  abort.abort()
  await expect(setup).rejects.toMatchObject({
    code: 'ERR_ABORTED',
    message: expect.stringContaining('npx frankentorch setup'),
  })
  expect(readdirSync(cache)).toEqual([expect.stringMatching(/\.part$/)])
})
