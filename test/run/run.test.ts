import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { error } from '../../src/errors.ts'
import { openRun, type RunOptions } from '../../src/run/run.ts'
import { contents } from './contents.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-run-'))
afterAll(() => rmSync(scratch, { recursive: true }))

let count = 0
const freshDirectory = () => join(scratch, `run-${count++}`)
const samples = Array.from({ length: 6 }, (_, index) => ({ id: `sample-${index}` }))

function options(out: string, more: Partial<RunOptions> = {}): RunOptions {
  return {
    out,
    command: 'test',
    arguments: { layers: [0, 1], tasks: 'all' },
    models: { model: { path: '/models/a', sha256: 'aa' } },
    ...more,
  }
}

/** Two records a sample; sample-2 fails. Stops by `stop`, called with the sample's id before it is computed. */
async function complete(out: string, stop: (id: string) => void = () => {}, more: Partial<RunOptions> = {}) {
  const computed: string[] = []
  await using run = await openRun(options(out, more))
  const progress = await run.forEach('records.jsonl', samples, async ({ id }) => {
    stop(id)
    computed.push(id)
    if (id === 'sample-2') throw error('ERR_IMAGE', 'the image is broken')
    return [
      { id, layer: 0, answer: 'größer' },
      { id, layer: 1, answer: 'x'.repeat(30) },
    ]
  })
  await run.writeJson('summary.json', { records: (await run.records('records.jsonl')).length })
  return { computed, progress }
}

test('records come in sample order, a failed sample is recorded with its reason and the next is unaffected', async () => {
  const out = freshDirectory()
  const { progress } = await complete(out)
  expect(progress).toMatchObject({ done: 6, total: 6, failed: 1 })
  const rows = contents(out)
    ['records.jsonl']!.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rows.map(({ id, layer }) => `${id}/${layer}`)).toEqual(
    [0, 1, 3, 4, 5].flatMap((index) => [`sample-${index}/0`, `sample-${index}/1`]),
  )
  expect(contents(out)['failures.jsonl']).toBe(
    '{"file":"records.jsonl","sample":"sample-2","code":"ERR_IMAGE","message":"the image is broken"}\n',
  )
  expect(Object.keys(contents(out)).sort()).toEqual(
    ['config.json', 'failures.jsonl', 'journal.jsonl', 'records.jsonl', 'summary.json'].sort(),
  )
})

test('a finished run computes nothing again', async () => {
  const out = freshDirectory()
  await complete(out)
  const before = contents(out)
  expect((await complete(out)).computed).toEqual([])
  expect(contents(out)).toEqual(before)
})

test.each([0, 1, 2, 3, 5])(
  'a run stopped at sample %i continues there and its files are byte-identical',
  async (stopAt) => {
    const undisturbed = freshDirectory()
    await complete(undisturbed)
    const out = freshDirectory()
    const abort = new AbortController()
    const stop = (id: string) => {
      if (id !== `sample-${stopAt}`) return
      abort.abort()
      throw error('ERR_ABORTED', 'aborted')
    }
    await expect(complete(out, stop, { signal: abort.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect((await complete(out)).computed[0]).toBe(`sample-${stopAt}`)
    expect(contents(out)).toEqual(contents(undisturbed))
  },
)

test('whatever a power cut leaves of the files, the run ends byte-identical', async () => {
  const undisturbed = freshDirectory()
  await complete(undisturbed)
  const written = contents(undisturbed)
  for (const name of ['records.jsonl', 'failures.jsonl', 'journal.jsonl']) {
    for (let size = 0; size < written[name]!.length; size += 37) {
      const out = freshDirectory()
      cpSync(undisturbed, out, { recursive: true })
      truncateSync(join(out, name), size)
      await complete(out)
      expect(contents(out), `${name} cut to ${size} bytes`).toEqual(written)
    }
  }
})

test('records appended by a sample that never finished are cut', async () => {
  const undisturbed = freshDirectory()
  await complete(undisturbed)
  const out = freshDirectory()
  const stop = (id: string) => {
    if (id === 'sample-4') throw error('ERR_DISPOSED', 'the model is gone')
  }
  await expect(complete(out, stop)).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
  appendFileSync(join(out, 'records.jsonl'), '{"id":"sample-4","layer":0,"answer":"whole but unfinished"}\n{"id":"sam')
  await complete(out)
  expect(contents(out)).toEqual(contents(undisturbed))
})

test('a process killed with SIGKILL loses at most one sample', async () => {
  const out = freshDirectory()
  // Plain node runs the compiled package, as a user's process would.
  const script = `
    const { openRun } = await import(${JSON.stringify(new URL('../../dist/run/run.js', import.meta.url).href)})
    const run = await openRun(${JSON.stringify(options(out))})
    const samples = ${JSON.stringify(samples)}
    await run.forEach('records.jsonl', samples, async ({ id }) => {
      if (id === 'sample-2') throw Object.assign(new Error('x'), {})
      if (id === 'sample-3') { console.log('now'); await new Promise(() => setInterval(() => {}, 1000)) }
      return [{ id, layer: 0, answer: 'größer' }, { id, layer: 1, answer: 'x'.repeat(30) }]
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await expect(openRun(options(out))).rejects.toMatchObject({
    code: 'ERR_RUN_LOCKED',
    message: expect.stringContaining(`Process ${child.pid} on ${hostname()}`),
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect((await complete(out)).computed).toEqual(['sample-3', 'sample-4', 'sample-5'])
  expect(readdirSync(out).filter((name) => name.includes('lock'))).toEqual([])
})

test.each<[string, Partial<RunOptions>, string]>([
  ['command', { command: 'other' }, "command = 'test', this one has 'other'"],
  ['argument', { arguments: { layers: [0, 2], tasks: 'all' } }, 'arguments.layers = [0, 1], this one has [0, 2]'],
  [
    'new argument',
    { arguments: { layers: [0, 1], tasks: 'all', compat: true } },
    'arguments.compat = nothing, this one has true',
  ],
  ['model', { models: { model: { sha256: 'bb' } } }, "models.model.sha256 = 'aa', this one has 'bb'"],
])('another %s in the same directory is a mismatch that names the field', async (_, change, message) => {
  const out = freshDirectory()
  await complete(out)
  await expect(complete(out, undefined, change)).rejects.toMatchObject({
    code: 'ERR_RUN_MISMATCH',
    message: expect.stringContaining(message),
  })
  expect((await complete(out, undefined, { ...change, overwrite: true })).computed).toHaveLength(6)
})

test('a temporary file of a killed process is removed, one that is being written is not', async () => {
  const out = freshDirectory()
  await complete(out)
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'close')
  const [dead, written] = [child.pid, process.pid].map((pid) => join(out, `summary.json.${pid}.0123abcd.tmp`))
  for (const file of [dead!, written!]) writeFileSync(file, '{')
  await complete(out)
  expect([dead!, written!].map((file) => existsSync(file))).toEqual([false, true])
})

test('a moved checkpoint with the same content continues', async () => {
  const out = freshDirectory()
  await complete(out)
  const moved = { models: { model: { path: '/elsewhere/a', sha256: 'aa' } } }
  expect((await complete(out, undefined, moved)).computed).toEqual([])
})

test('a sample that took another place is a mismatch', async () => {
  const out = freshDirectory()
  await complete(out)
  await using run = await openRun(options(out))
  await expect(run.forEach('records.jsonl', samples.slice(1), async () => [])).rejects.toMatchObject({
    code: 'ERR_RUN_MISMATCH',
    message: expect.stringContaining("holds 'sample-0' as sample 1 of records.jsonl, this run has 'sample-1'"),
  })
})

test('overwriting deletes what the run wrote and nothing else', async () => {
  const out = freshDirectory()
  await complete(out)
  writeFileSync(join(out, 'notes.txt'), 'mine')
  const stopAtOnce = () => {
    throw error('ERR_DISPOSED', 'stop')
  }
  await expect(complete(out, stopAtOnce, { overwrite: true })).rejects.toThrow('stop')
  expect(contents(out)).toMatchObject({ 'notes.txt': 'mine', 'records.jsonl': '' })
  expect(contents(out)['summary.json']).toBeUndefined()
})

test('a checkpoint directory is refused as output, even with overwrite', async () => {
  const out = mkdtempSync(join(scratch, 'checkpoint-'))
  writeFileSync(join(out, 'config.json'), '{"model_type":"qwen2_5_vl"}')
  await expect(openRun(options(out, { overwrite: true }))).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
  expect(contents(out)).toEqual({ 'config.json': '{"model_type":"qwen2_5_vl"}' })
})

test('one process may not write a run twice at once, and may once it is closed', async () => {
  const out = freshDirectory()
  const first = await openRun(options(out))
  await expect(openRun(options(out))).rejects.toMatchObject({ code: 'ERR_RUN_LOCKED' })
  await first.close()
  await (await openRun(options(out))).close()
})

test('the lock of a dead process is taken over, also when its pid was given to another', async () => {
  const out = freshDirectory()
  await complete(out)
  for (const owner of [
    { pid: 2 ** 30, started: '1' },
    { pid: process.pid, started: '1' },
  ]) {
    writeFileSync(join(out, 'run.lock'), JSON.stringify({ ...owner, host: hostname() }))
    await (await openRun(options(out))).close()
  }
})

test('what a process left that was killed as it took the lock is removed, and nothing of one that lives', async () => {
  const out = freshDirectory()
  await complete(out)
  const dead = 2 ** 30
  const owners = {
    [`run.lock.${dead}.1`]: JSON.stringify({ pid: dead, started: '1', host: hostname() }),
    [`run.lock.${dead}.2`]: '',
    [`run.lock.${dead}.3.stale`]: JSON.stringify({ pid: process.pid, started: '1', host: hostname() }),
    [`run.lock.${process.ppid}.4`]: '',
    [`run.lock.${dead}.5`]: JSON.stringify({ pid: dead, started: '1', host: 'another' }),
  }
  for (const [name, content] of Object.entries(owners)) writeFileSync(join(out, name), content)
  await (await openRun(options(out))).close()
  const left = readdirSync(out).filter((name) => name.includes('lock'))
  expect(left.sort()).toEqual([`run.lock.${dead}.5`, `run.lock.${process.ppid}.4`].sort())
})

test('the lock of another host is not broken', async () => {
  const out = freshDirectory()
  await complete(out)
  writeFileSync(join(out, 'run.lock'), JSON.stringify({ pid: 1, started: '1', host: 'another' }))
  await expect(openRun(options(out))).rejects.toMatchObject({
    code: 'ERR_RUN_LOCKED',
    message: expect.stringContaining(`delete ${join(out, 'run.lock')}`),
  })
})

test('progress counts earlier samples as done and takes the rate from this process alone', async () => {
  const out = freshDirectory()
  const stop = (id: string) => {
    if (id === 'sample-4') throw error('ERR_DISPOSED', 'stop')
  }
  await expect(complete(out, stop)).rejects.toThrow('stop')
  const events: { done: number; rate?: number; remainingS?: number }[] = []
  await complete(out, undefined, { onProgress: (progress) => events.push({ ...progress }) })
  expect(events.map(({ done }) => done)).toEqual([4, 5, 6])
  expect(events[0]!.rate).toBeUndefined()
  expect(events[2]!.rate).toBeGreaterThan(0)
  expect(events[2]!.remainingS).toBe(0)
})
