import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { hashFile } from '../../src/run/hash.ts'
import { presets, type TinyWorld, type TinyWorldProgress, tinyWorld } from '../../src/train/tiny-world/index.ts'

const preset = {
  world: { ...presets.quick.world, train: 60, test: 12, pairs: 1 },
  base: { steps: 2, batch: 4, lr: 1e-3 },
  in: { steps: 2, batch: 4, lr: 1e-3 },
  rl: { steps: 1, batch: 2, group: 4, lr: 1e-4, maxNewTokens: 8 },
}
const told: TinyWorldProgress[] = []
let out: string
let made: TinyWorld

beforeAll(async () => {
  await native().setNumThreads(1)
  out = join(await mkdtemp(join(tmpdir(), 'frankentorch-tiny-')), 'run')
  made = await tinyWorld({ out, preset, stages: ['rl-early'], onProgress: (progress) => void told.push(progress) })
})
afterAll(() => rm(join(out, '..'), { recursive: true }))

test('a stage is trained with those it starts from, and with no other', () => {
  expect(Object.keys(made.checkpoints)).toEqual(['init', 'base', 'in', 'rl-early'])
  expect([...new Set(told.map(({ stage }) => stage))]).toEqual(['world', 'base', 'in', 'rl-early'])
})

test('RL with the early third frozen leaves those layers as IN has them, bit for bit', async () => {
  const weights = async (directory: string, name: string) => {
    await using model = await VisionLanguageModel.load(directory)
    using weight = (await model.parameter(name))!
    return await weight.data()
  }
  const { in: before, 'rl-early': after } = made.checkpoints
  const frozen = JSON.parse(await readFile(join(after!, '../frozen.json'), 'utf8'))
  expect(JSON.stringify(frozen)).toContain('language_model.layers.1.mlp.down_proj.weight')
  const of = (layer: number) => `language_model.layers.${layer}.mlp.down_proj.weight`
  expect(await weights(after!, of(1))).toEqual(await weights(before!, of(1)))
  // that weights can differ at all
  expect(await weights(before!, of(1))).not.toEqual(await weights(made.checkpoints.base!, of(1)))
})

test('a question with its image is at most 50 tokens', async () => {
  await using model = await VisionLanguageModel.load(made.checkpoints.init)
  const [line] = (await readFile(join(made.world, 'test.jsonl'), 'utf8')).split('\n')
  const { messages, image } = JSON.parse(line!)
  messages[0].content[0].image = join(made.world, image)
  const inputs = await model.processor.prepare(messages)
  expect(inputs.imageGridThw).toEqual([[1, 6, 6]])
  expect(inputs.inputIds[0]!.length).toBeLessThanOrEqual(50)
})

test('called again it trains nothing anew; another seed is another run', async () => {
  const file = join(made.checkpoints.in!, 'model.safetensors')
  const before = await hashFile(file)
  await tinyWorld({ out, preset, stages: ['in'] })
  expect(await hashFile(file)).toBe(before)
  await expect(tinyWorld({ out, preset, seed: 1, stages: ['in'] })).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
})
