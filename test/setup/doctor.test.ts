import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { withLibtorch } from '../../src/cli/libtorch.ts'
import { error } from '../../src/errors.ts'
import { libraries, locateLibtorch } from '../../src/libtorch/locate.ts'
import { doctor } from '../../src/setup/doctor.ts'
import { tryAddon } from '../../src/setup/trial.ts'
import { compile, frankentorch } from '../cli/frankentorch.ts'
import { temporaryDirectory } from '../libtorch/site.ts'

beforeAll(compile)

/** A module that a trial runs instead of ours. */
function program(text: string): string {
  const file = join(temporaryDirectory(), 'program.mjs')
  writeFileSync(file, text)
  return file
}

test.each([
  ['a segmentation fault', "process.kill(process.pid, 'SIGSEGV')", { outcome: 'crashed', how: 'SIGSEGV' }],
  ['abort()', 'process.abort()', { outcome: 'crashed', how: 'SIGABRT' }],
  [
    'an end without a word',
    "console.error('odd'); process.exit(7)",
    { outcome: 'crashed', how: 'exit status 7', stderr: 'odd\n' },
  ],
  [
    'a crash after it worked',
    "process.send({ outcome: 'works' }, () => process.abort())",
    { outcome: 'crashed', how: 'SIGABRT' },
  ],
  ['no end', 'setInterval(() => {}, 1000)', { outcome: 'hung', seconds: 0.5 }],
])('%s of the process that tries the addon is reported, not suffered', async (_, text, trial) => {
  expect(await tryAddon({ file: program(text), limit: trial.outcome === 'hung' ? 0.5 : 30 })).toMatchObject(trial)
})

test('doctor reports a crash and exits 1', async () => {
  const diagnosis = await doctor({ trial: { file: program('process.abort()') } })
  expect(diagnosis.ok).toBe(false)
  expect(diagnosis.findings.find(({ subject }) => subject === 'addon')).toMatchObject({ state: 'problem' })
})

test('on another platform the addon is not tried', async () => {
  const host = { platform: 'darwin', arch: 'arm64', glibc: undefined, node: '22.1.0', nodeApi: 9 }
  const diagnosis = await doctor({ host, trial: { file: program('process.abort()') } })
  expect(diagnosis.addon.outcome).toBe('refused')
  expect(diagnosis.findings[0]).toMatchObject({ subject: 'platform', state: 'problem' })
})

test.each([
  ['missing', undefined, /does not exist.*npx frankentorch setup \(ERR_LIBTORCH_NOT_FOUND\)/],
  ['of another version', "__version__ = '1.2.3'", /is 1\.2\.3\. .*npx frankentorch setup \(ERR_LIBTORCH_VERSION\)/],
])('a libtorch that is %s is a line with the command that repairs it, and exit code 1', async (_, version, line) => {
  const directory = join(temporaryDirectory(), 'libtorch')
  if (version) {
    mkdirSync(join(directory, 'lib'), { recursive: true })
    for (const name of libraries) writeFileSync(join(directory, 'lib', name), '')
    writeFileSync(join(directory, 'version.py'), version)
  }
  const { code, stdout } = await frankentorch(['doctor'], { env: { FRANKENTORCH_LIBTORCH: directory } })
  expect(code).toBe(1)
  expect(stdout.split('\n').filter((text) => text.startsWith('PROBLEM'))).toEqual([expect.stringMatching(line)])
})

test('doctor --json says that this machine is well', async () => {
  const { code, stdout } = await frankentorch(['doctor', '--json'])
  const { directory, version } = locateLibtorch()
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    libtorch: { directory, version },
    addon: { outcome: 'works', torch_version: version },
  })
  expect(code).toBe(0)
})

test('a command that finds no libtorch is run again once it has been fetched; FRANKENTORCH_NO_SETUP prevents that', async () => {
  const missing = error('ERR_LIBTORCH_NOT_FOUND', 'none')
  const cached = fetchedBefore()
  vi.stubEnv('FRANKENTORCH_CACHE', cached)
  vi.stubEnv('FRANKENTORCH_LIBTORCH', '')
  vi.stubEnv('FRANKENTORCH_NO_SETUP', '')
  try {
    const command = vi.fn<() => Promise<void>>().mockRejectedValueOnce(missing).mockResolvedValueOnce()
    await withLibtorch(command, true)
    expect(command).toHaveBeenCalledTimes(2)
    vi.stubEnv('FRANKENTORCH_NO_SETUP', '1')
    await expect(withLibtorch(() => Promise.reject(missing), true)).rejects.toBe(missing)
  } finally {
    vi.unstubAllEnvs()
  }
})

/** A cache in which a setup of this release finds everything done. */
function fetchedBefore(): string {
  const cache = temporaryDirectory()
  const { version } = locateLibtorch()
  const directory = join(cache, `libtorch-${version}-cpu`)
  mkdirSync(join(directory, 'lib'), { recursive: true })
  for (const name of libraries) writeFileSync(join(directory, 'lib', name), '')
  writeFileSync(join(directory, 'frankentorch.json'), JSON.stringify({ version, copiedFrom: '/elsewhere' }))
  return cache
}
