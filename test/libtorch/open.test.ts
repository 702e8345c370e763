import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { libraries, locateLibtorch } from '../../src/libtorch/locate.ts'
import { openLibtorch } from '../../src/libtorch/open.ts'
import { temporaryDirectory } from './site.ts'

const installed = locateLibtorch()

test('the libraries are opened by absolute path, each after those it depends on', () => {
  const opened: string[] = []
  openLibtorch(
    { directory: '/t', lib: '/t/lib', version: '9.8.7' },
    { torchVersion: '9.8.7', open: (name) => opened.push(name) },
  )
  expect(opened).toEqual(['/t/lib/libc10.so', '/t/lib/libtorch_cpu.so', '/t/lib/libtorch.so'])
})

test('a libtorch of another version than the addon was built against is refused before anything is opened', () => {
  expect(() => openLibtorch({ ...installed, version: '1.0.0' })).toThrow(
    expect.objectContaining({ code: 'ERR_LIBTORCH_VERSION', message: expect.stringContaining('is 1.0.0') }),
  )
})

test('a damaged library is ERR_ADDON with the words of the dynamic linker', () => {
  const directory = temporaryDirectory()
  const lib = path.join(directory, 'lib')
  mkdirSync(lib)
  for (const name of libraries) writeFileSync(path.join(lib, name), 'not a library')
  expect(() => openLibtorch({ directory, lib, version: installed.version })).toThrow(
    expect.objectContaining({
      code: 'ERR_ADDON',
      message: expect.stringMatching(/libc10\.so.*(too short|invalid ELF header)/),
    }),
  )
})

test('opening twice is harmless; a second libtorch in the same process is refused', () => {
  openLibtorch(installed)
  openLibtorch(installed)
  const directory = temporaryDirectory()
  const lib = path.join(directory, 'lib')
  mkdirSync(lib)
  copyFileSync(path.join(installed.lib, 'libc10.so'), path.join(lib, 'libc10.so'))
  expect(() => openLibtorch({ directory, lib, version: installed.version })).toThrow(
    `already holds ${installed.lib}/libc10.so`,
  )
})
