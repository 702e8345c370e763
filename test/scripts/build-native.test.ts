import { spawnSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../libtorch/site.ts'

/** Runs the build on a PATH that holds nothing but `programs`, each a script. */
function build(programs: Record<string, string>) {
  const PATH = temporaryDirectory()
  symlinkSync('/bin/sh', path.join(PATH, 'sh'))
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(path.join(PATH, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  const env = { PATH }
  return spawnSync(process.execPath, ['scripts/build-native.mjs', PATH], { env, encoding: 'utf8' })
}

const cmake = 'echo cmake version 3.25.1'

test.each<[string, Record<string, string>, RegExp]>([
  ['CMake', {}, /Expected CMake ≥ 3\.25 but found no `cmake` on PATH\. Run: sudo apt-get install/],
  [
    'a recent CMake',
    { cmake: 'echo cmake version 3.22.1' },
    /Expected CMake ≥ 3\.25 but found 3\.22\.1\. Run: python3 -m pip/,
  ],
  [
    'a compiler',
    { cmake },
    /Expected a C\+\+20 compiler but found none of c\+\+, g\+\+, clang\+\+ on PATH\. Run: sudo apt-get/,
  ],
  ['Ninja and Make', { cmake, 'g++': '', dnf: '' }, /found neither `ninja` nor `make` on PATH\. Run: sudo dnf/],
])('without %s the build says what was looked for and the command that installs it', (_, programs, message) => {
  const { status, stderr } = build(programs)
  expect(status).toBe(1)
  expect(stderr).toMatch(message)
})
