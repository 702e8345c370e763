import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { taskNames as offered } from '../../src/cli/eval.ts'
import { world } from '../../src/data/world/index.ts'
import { taskNames } from '../../src/eval/index.ts'
import { mathVision } from '../eval/generated.ts'
import { scriptedEndpoint } from '../judge/scripted-endpoint.ts'
import { tiny } from '../native/models.ts'
import { compile, finish, frankentorch, inThisProcess, start } from './frankentorch.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-eval-models-'))
const data = join(scratch, 'world')
beforeAll(async () => {
  compile()
  await world({ out: data, train: 0, test: 30, pairs: 0 })
})
afterAll(() => rmSync(scratch, { recursive: true }))

test('the tasks in the help are those there are', () => {
  expect([...offered].sort()).toEqual([...taskNames].sort())
})

test('two models and a splice of them in one table, metrics and benchmarks side by side', async () => {
  const out = join(scratch, 'table')
  const models = ['IN=in', 'RL=rl', 'cut=IN early 1/3 + RL late 2/3'].flatMap((model) => ['--model', model])
  const words = ['eval', ...models, '--in', tiny, '--rl', tiny, '--tasks', 'world', '--data', data, '--samples', '2']
  const { code, stdout, stderr } = await frankentorch([...words, '--max-new-tokens', '3', '--out', out])
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/replies: 36 of 36.*\n[\s\S]*scores: 36 of 36/),
  })
  const lines = stdout.split('\n')
  expect(lines[0]).toMatch(/^Model +M_vis +M_v2r +M_rea +TinyVista +TinyVision +TinyVerse$/)
  expect(lines.slice(1, 4).map((line) => line.trim().split(/ +/)[0])).toEqual(['IN', 'RL', 'cut'])
  expect(lines.slice(1, 4).every((line) => line.trim().split(/ +/).length === 7)).toBe(true)
  expect(Object.keys(JSON.parse(readFileSync(join(out, 'paper_metrics.json'), 'utf8')))).toEqual(['IN', 'RL', 'cut'])
  const regraded = await inThisProcess(['eval', '--regrade', out])
  expect(regraded.stdout).toBe(stdout)
}, 60_000)

test('a process killed in the middle: the same command ends with the files of an undisturbed run', async () => {
  const questions = mathVision(join(scratch, 'questions'), 24)
  const words = [
    'eval',
    '--model',
    `tiny=${tiny}`,
    '--tasks',
    'mathvision',
    '--data',
    questions,
    '--max-new-tokens',
    '24',
  ]
  const [whole, killed] = [join(scratch, 'whole'), join(scratch, 'killed')]
  const undisturbed = frankentorch([...words, '--batch', '2', '--out', whole])
  expect((await undisturbed).code).toBe(0)
  const child = start([...words, '--batch', '2', '--out', killed])
  const ended = finish(child)
  const replies = join(killed, 'tiny/replies/mathvision.jsonl')
  while (!existsSync(replies) || readFileSync(replies, 'utf8').split('\n').length < 4) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (child.exitCode !== null) break
  }
  child.kill('SIGKILL')
  expect((await ended).signal).toBe('SIGKILL')
  const before = readFileSync(replies, 'utf8').split('\n').length - 1
  expect(before).toBeLessThan(24)
  expect((await frankentorch([...words, '--batch', '2', '--out', killed])).code).toBe(0)
  const files = (directory: string) =>
    readdirSync(directory, { recursive: true })
      .map(String)
      .filter((name) => /\.(jsonl?|md)$/.test(name) && !name.endsWith('timings.jsonl'))
      .sort()
      .map((name) => [name, readFileSync(join(directory, name), 'utf8')])
  expect(files(killed)).toEqual(files(whole))
}, 60_000)

test('an endpoint as model and judge; --json prints the summaries', async () => {
  await using endpoint = await scriptedEndpoint(() => 'correct')
  const questions = mathVision(join(scratch, 'far'), 3)
  const words = ['eval', '--model', `far=${endpoint.url}`, '--tasks', 'mathvision', '--data', questions]
  const { code, stdout } = await inThisProcess([
    ...words,
    '--judge-url',
    endpoint.url,
    '--out',
    join(scratch, 'judged'),
    '--json',
  ])
  expect(code).toBe(0)
  expect(JSON.parse(stdout).far.mathvision).toMatchObject({ verdict: 'judge', result: { value: 1 }, samples: 3 })
})

test.each([
  [['--tasks', 'world', '--out', 'x'], /Expected --model NAME=DIR, --replies FILE or --regrade DIR/],
  [['--model', `a=${tiny}`, '--out', 'x'], /Expected --tasks NAMES/],
  [['--model', `a=${tiny}`, '--tasks', 'world'], /Expected --out DIR/],
  [['--model', 'nothing', '--tasks', 'world', '--out', 'x'], /Expected NAME=MODEL/],
  [['--model', 'a/b=x', '--tasks', 'world', '--out', 'x'], /Expected NAME=MODEL/],
  [['--model', 'a=x', '--replies', 'y', '--tasks', 'world', '--out', 'x'], /cannot be used with option/],
  [['--model', `a=${tiny}`, '--tasks', 'word', '--out', 'x'], /Expected tasks of .* but received 'word'/],
  [['--model', `a=${tiny}`, '--tasks', 'world', '--judge-model', 'x', '--out', 'x'], /Expected --judge-url URL/],
])('%j is wrong usage', async (words, message) => {
  const { code, stderr } = await inThisProcess(['eval', ...words])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) })
})
