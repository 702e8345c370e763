import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../libtorch/site.ts'

/** Runs .ci/run with an npm that does nothing but write the runner's report, if any, and exit. */
function gate(npm: { ciStatus?: number; testStatus?: number; report?: object }) {
  const bin = temporaryDirectory()
  const { ciStatus = 0, testStatus = 0, report } = npm
  const write = report
    ? `[ "\${a#--outputFile=}" != "$a" ] && echo '${JSON.stringify(report)}' > "\${a#--outputFile=}"`
    : ':'
  const script = `#!/bin/bash\n[ "$1" = ci ] && exit ${ciStatus}\nfor a in "$@"; do ${write}; done\nexit ${testStatus}\n`
  writeFileSync(path.join(bin, 'npm'), script)
  chmodSync(path.join(bin, 'npm'), 0o755)
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const { status, stdout } = spawnSync('bash', ['.ci/run'], { env, encoding: 'utf8' })
  return { status, last: stdout.trim().split('\n').at(-1) }
}

const green = { numPassedTests: 7, numFailedTests: 0, success: true }

test('a green run ends with its count and status 0', () => {
  expect(gate({ report: green })).toEqual({ status: 0, last: '7 passed, 0 failed' })
})

test.each([
  ['npm ci fails', { ciStatus: 1 }, '0 passed, 1 failed'],
  ['lint, types or the build fail before any test', { testStatus: 1 }, '0 passed, 1 failed'],
  [
    'tests fail',
    { testStatus: 1, report: { numPassedTests: 5, numFailedTests: 2, success: false } },
    '5 passed, 2 failed',
  ],
  ['a test file does not load', { testStatus: 1, report: { ...green, success: false } }, '7 passed, 1 failed'],
  ['no test was run', { report: { ...green, numPassedTests: 0 } }, '0 passed, 1 failed'],
  ['something fails after green tests', { testStatus: 1, report: green }, '7 passed, 1 failed'],
])('the gate is red when %s', (_, npm, last) => {
  expect(gate(npm)).toEqual({ status: 1, last })
})
