import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { cacheDirectory, libraries, locateLibtorch } from '../../src/libtorch/locate.ts'
import { madeUpRelease, temporaryDirectory } from './site.ts'

const release = madeUpRelease('http://127.0.0.1/torch.whl')

function libtorch(files: Record<string, string>, names: readonly string[] = libraries): string {
  const directory = temporaryDirectory()
  const all = { ...Object.fromEntries(names.map((name) => [`lib/${name}`, ''])), ...files }
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true })
    writeFileSync(path.join(directory, name), text)
  }
  return directory
}

describe('FRANKENTORCH_LIBTORCH', () => {
  test.each([
    [
      'headers',
      { 'include/torch/headeronly/version.h': '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION \\\n  "2.13.0"\n' },
    ],
    ['a torch package of pip', { 'version.py': "__all__ = ['__version__']\n__version__ = '2.13.0+cpu'\n" }],
    ['a zip of pytorch.org', { 'build-version': '2.13.0+cpu\n' }],
  ])('names a libtorch whose version is read from %s', (_, files) => {
    const directory = libtorch(files)
    const found = locateLibtorch({ environment: { FRANKENTORCH_LIBTORCH: directory } })
    expect(found).toEqual({ directory, lib: path.join(directory, 'lib'), version: '2.13.0' })
  })

  test('naming a directory that lacks a library is an error, though the cache holds a libtorch', () => {
    const directory = libtorch({ 'version.py': "__version__ = '2.13.0'" }, ['libc10.so', 'libtorch.so'])
    const FRANKENTORCH_CACHE = temporaryDirectory()
    const environment = { FRANKENTORCH_LIBTORCH: directory, FRANKENTORCH_CACHE }
    expect(() => locateLibtorch({ environment, release })).toThrow(
      expect.objectContaining({
        code: 'ERR_LIBTORCH_NOT_FOUND',
        message: expect.stringContaining('lib/libtorch_cpu.so'),
      }),
    )
  })

  test('naming a libtorch without a version is ERR_LIBTORCH_VERSION', () => {
    const environment = { FRANKENTORCH_LIBTORCH: libtorch({}) }
    expect(() => locateLibtorch({ environment })).toThrow(expect.objectContaining({ code: 'ERR_LIBTORCH_VERSION' }))
  })
})

test('without any libtorch the error names both places and the command', () => {
  const cache = temporaryDirectory()
  const message = `FRANKENTORCH_LIBTORCH is not set and ${cache}/libtorch-9.8.7-cpu does not exist. Run: npx frankentorch setup`
  expect(() => locateLibtorch({ environment: { FRANKENTORCH_CACHE: cache }, release })).toThrow(
    expect.objectContaining({ code: 'ERR_LIBTORCH_NOT_FOUND', message: expect.stringContaining(message) }),
  )
})

test.each([
  ['no marker', {}],
  ['a damaged marker', { 'frankentorch.json': '{' }],
  ['the marker of another wheel', { 'frankentorch.json': '{"sha256":"00"}' }],
])('a cached directory with %s is incomplete', (_, files) => {
  const cache = libtorch(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`libtorch-9.8.7-cpu/${name}`, text])),
  )
  for (const name of libraries) {
    mkdirSync(path.join(cache, 'libtorch-9.8.7-cpu/lib'), { recursive: true })
    writeFileSync(path.join(cache, 'libtorch-9.8.7-cpu/lib', name), '')
  }
  expect(() => locateLibtorch({ environment: { FRANKENTORCH_CACHE: cache }, release })).toThrow('is incomplete')
})

test.each([
  ['FRANKENTORCH_CACHE', { FRANKENTORCH_CACHE: '/caches/ours', XDG_CACHE_HOME: '/caches' }, '/caches/ours'],
  ['XDG_CACHE_HOME', { XDG_CACHE_HOME: '/caches' }, '/caches/frankentorch'],
  [
    'the home directory when XDG_CACHE_HOME is relative',
    { XDG_CACHE_HOME: 'caches' },
    path.join(os.homedir(), '.cache/frankentorch'),
  ],
])('the cache lies under %s', (_, environment, directory) => {
  expect(cacheDirectory(environment)).toBe(directory)
})
