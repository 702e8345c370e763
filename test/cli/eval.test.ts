import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compile, frankentorch, inThisProcess } from './frankentorch.ts'

const data = fileURLToPath(new URL('../fixtures/data', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-eval-'))
beforeAll(compile)
afterAll(() => rmSync(scratch, { recursive: true }))

let runs = 0
function command(replies: readonly object[], tasks: string): { words: string[]; out: string } {
  const out = join(scratch, String(runs++))
  writeFileSync(`${out}.jsonl`, replies.map((reply) => `${JSON.stringify(reply)}\n`).join(''))
  return { words: ['eval', '--replies', `${out}.jsonl`, '--tasks', tasks, '--data', data, '--out', out], out }
}

const replies = [
  { id: '1', task: 'mathvision', response: 'So there are \\boxed{11} dots.' },
  { id: '3', task: 'mathvision', response: '\\boxed{B}' },
  { id: '4', task: 'mathvision', response: 'They meet at \\boxed{(1, 0.5)}' },
]

test('eval --json prints the summary it wrote; the same command again leaves it', async () => {
  const { words, out } = command(replies, 'mathvision')
  const { code, stdout, stderr } = await frankentorch([...words, '--json'])
  expect(code).toBe(0)
  expect(stderr).toMatch(/mathvision: 3 of 3\n$/)
  const { mathvision } = JSON.parse(stdout)
  expect(mathvision).toEqual(JSON.parse(readFileSync(join(out, 'mathvision.summary.json'), 'utf8')))
  expect(mathvision.overall).toMatchObject({ total: 3, correct: 2, accuracy: 0.6667 })
  expect((await inThisProcess([...words, '--json'])).stdout).toBe(stdout)
}, 30_000)

test('eval prints accuracies with intervals, overall and by group', async () => {
  const { words, out } = command(replies, 'mathvision')
  const { stdout } = await inThisProcess(words)
  expect(stdout).toMatch(/^mathvision, test: 4 questions, 1 without a reply\n/)
  expect(stdout).toMatch(/^overall +3 +66\.7 % +0\.0 % – 100\.0 % +66\.7 % +0$/m)
  expect(stdout).toMatch(/^subject counting +1 +0\.0 % /m)
  expect(stdout.trimEnd().split('\n').at(-1)).toBe(out)
})

test('several tasks: each takes its own replies from the file and has a folder of its own', async () => {
  const sum = { id: '0', task: 'gsm8k', response: '3 · 12 = 36. #### 36' }
  const { words, out } = command([...replies, sum], 'mathvision,gsm8k')
  const { code, stdout } = await inThisProcess([...words, '--json'])
  expect(code).toBe(0)
  const summaries = JSON.parse(stdout)
  expect(Object.keys(summaries)).toEqual(['mathvision', 'gsm8k'])
  expect([summaries.mathvision.overall.total, summaries.gsm8k.overall.total]).toEqual([3, 1])
  expect(existsSync(join(out, 'gsm8k/gsm8k.jsonl'))).toBe(true)
})

test('several tasks: a reply that does not say whose it is is refused with its line', async () => {
  const { words } = command([{ id: '1', response: '12' }], 'mathvision,gsm8k')
  const { code, stderr } = await inThisProcess(words)
  expect(code).toBe(1)
  expect(stderr).toMatch(/jsonl:1\.task.*\(ERR_DATA\)/)
})

test('an unknown or a repeated task is wrong usage', async () => {
  for (const tasks of ['gsm8k,mathvison', 'gsm8k,gsm8k']) {
    const { code, stderr } = await inThisProcess(command([], tasks).words)
    expect({ tasks, code }).toEqual({ tasks, code: 2 })
    expect(stderr).toMatch(/Expected (mathvista, mathvision|different tasks)/)
  }
})
