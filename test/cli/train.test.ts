import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { world } from '../../src/data/world/index.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { fixture } from '../processor/fixture.ts'
import { compile, finish, frankentorch, start } from './frankentorch.ts'

const directory = temporaryDirectory()
const at = (name: string) => join(directory, name)

beforeAll(async () => {
  compile()
  await world({ out: at('world'), train: 12, test: 0, pairs: 0, size: 84 })
})

const model = ['--model', fixture('models/hub-tied')]

test('the examples of the help run: a cold start with frozen blocks, then reinforcement learning from it', async () => {
  const exampleOf = async (kind: string) => {
    const { stdout } = await frankentorch(['train', kind, '--help'])
    return /\$ frankentorch (.+)$/m.exec(stdout)![1]!.split(' ')
  }
  const instead = (words: string[], replaced: Record<string, string>) =>
    words.map((word, i) => replaced[words[i - 1]!] ?? word)
  const sft = instead(await exampleOf('sft'), {
    '--model': model[1]!,
    '--data': at('world/train.sft.jsonl'),
    '--out': at('in'),
    '--steps': '2',
  })
  const first = await frankentorch(sft)
  expect(first).toMatchObject({ code: 0 })
  expect(first.stdout).toContain('loss')
  // the table of what is trained, on stderr
  expect(first.stderr).toMatch(/block +trained +frozen\n +vision +0 +[\d,]+\n +projector +0/)

  const grpo = instead(await exampleOf('grpo'), {
    '--model': at('in/last'),
    '--data': at('world/train.grpo.jsonl'),
    '--out': at('rl'),
    '--steps': '1',
    '--max-new-tokens': '4',
  })
  const second = await frankentorch([...grpo, '--batch', '2', '--group', '2', '--json'])
  expect(second).toMatchObject({ code: 0 })
  expect(JSON.parse(second.stdout)).toMatchObject({ steps: 1, metrics: { step: 1, reward: expect.any(Number) } })
}, 120_000)

test('Ctrl-C saves and exits with 130; the same command goes on', async () => {
  const words = [
    'train',
    'sft',
    ...model,
    '--data',
    at('world/train.sft.jsonl'),
    '--steps',
    '400',
    '--batch',
    '8',
    '--out',
    at('cut'),
  ]
  const child = start(words)
  child.stderr!.on('data', (text: Buffer) => {
    if (/steps: [1-9]/.test(String(text))) child.kill('SIGINT')
  })
  const stopped = await finish(child)
  expect(stopped.code).toBe(130)
  expect(stopped.stderr).toMatch(/Stopped after step \d+ of 400; the same command goes on/)
  const done = JSON.parse(readFileSync(at('cut/resume/trainer.json'), 'utf8')).step
  expect(done).toBeGreaterThan(0)
  expect(done).toBeLessThan(400)
  const resumed = await frankentorch(words)
  expect(resumed).toMatchObject({ code: 0 })
  expect(resumed.stderr).toContain(`400 steps, ${done} of them done`)
  expect(readFileSync(at('cut/metrics.jsonl'), 'utf8').trim().split('\n')).toHaveLength(400)
}, 120_000)

test('wrong words are wrong usage', async () => {
  const out = ['--out', at('never')]
  const data = ['--data', at('world/train.grpo.jsonl')]
  for (const wrong of [
    ['--loss', 'ppo'],
    ['--layer-cuts', '3'],
    ['--preset', 'x'],
    ['--freeze', 'head'],
    ['--group', '1'],
  ])
    expect(await frankentorch(['train', 'grpo', ...model, ...data, ...out, ...wrong]), wrong.join(' ')).toMatchObject({
      code: 2,
    })
}, 60_000)
