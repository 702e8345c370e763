import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
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

test('workers that open the same libraries at the same moments do not take one another for a second libtorch', () => {
  const directory = temporaryDirectory()
  const template = path.join(directory, 'library.0000')
  const build = ['-shared', '-fPIC', '-x', 'c++', '/dev/null', '-Wl,-soname,library.0000', '-o', template]
  execFileSync(process.env.CXX ?? 'c++', build)
  const bytes = readFileSync(template, 'latin1')
  const sonames = Array.from({ length: 100 }, (_, i) => `library.${String(i).padStart(4, '0')}`)
  const files = sonames.map((soname) => {
    const file = path.join(directory, soname)
    writeFileSync(file, bytes.replaceAll('library.0000', soname), 'latin1')
    return file
  })
  const [program, stub] = ['./opening.mjs', '../../build/preload/preload.node'].map((name) =>
    fileURLToPath(new URL(name, import.meta.url)),
  ) as [string, string]
  // Before the stub's lock most runs met the race.
  for (let i = 0; i < 3; i++) {
    expect(JSON.parse(execFileSync(process.execPath, [program, stub, ...files], { encoding: 'utf8' }))).toEqual([])
  }
})
