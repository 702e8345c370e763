import { beforeAll, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { conversationRow } from '../../src/train/conversation.ts'
import { sft } from '../../src/train/losses/index.ts'
import { createTrainer } from '../../src/train/trainer.ts'
import { fixture } from '../processor/fixture.ts'

beforeAll(() => native().setNumThreads(1))

const name = 'language_model.layers.1.mlp.down_proj.weight'
const freeze = ['vision', 'projector']

async function floats(tensor: Tensor): Promise<{ dtype: string; data: Float32Array }> {
  using found = tensor
  using wide = await found.to('float32')
  return { dtype: found.dtype, data: (await wide.data()) as Float32Array }
}

// The parameter in float32, `steps` small steps after the start: as the optimizer holds it, as the model computes with it, and where it began.
async function trained(dtype: 'bfloat16' | 'float32', steps: number) {
  await using model = await VisionLanguageModel.load(fixture('models/v4-bfloat16'), { dtype })
  model.freeze(freeze)
  const before = await floats(await model.parameter(name))
  await using trainer = await createTrainer(model)
  const row = await conversationRow(model, [
    { role: 'user', content: 'How many?' },
    { role: 'assistant', content: 'three' },
  ])
  for (let step = 0; step < steps; step++) await trainer.step({ rows: [row] }, sft, { lr: 1e-5, linear: true })
  const master = await floats((await trainer.get(name))!)
  return { before: before.data, master, own: await floats(await model.parameter(name)) }
}

const moved = (before: Float32Array, after: Float32Array) =>
  after.reduce((sum, value, i) => sum + Number(value !== before[i]), 0) / after.length

test('beside bfloat16, steps too small for it add up in float32 masters, whose roundings the model computes with', async () => {
  const [first, later] = [await trained('bfloat16', 1), await trained('bfloat16', 60)]
  for (const { master, own } of [first, later]) {
    expect([master.dtype, own.dtype]).toEqual(['float32', 'bfloat16'])
    for (const [i, value] of own.data.entries())
      expect(Math.abs(value - master.data[i]!)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -8)
  }
  // The first step moves every master by the learning rate and hardly a weight of the model; sixty such steps move many.
  expect(moved(first.before, first.master.data)).toBeGreaterThan(0.95)
  expect(moved(first.before, first.own.data)).toBeLessThan(0.25)
  expect(moved(later.before, later.own.data)).toBeGreaterThan(2 * moved(first.before, first.own.data))

  // What was learned is what float32 learns, to the roundings of the forward and backward passes.
  const exact = await trained('float32', 60)
  let [both, ours, theirs] = [0, 0, 0]
  for (const [i, start] of exact.before.entries()) {
    const [a, b] = [later.master.data[i]! - start, exact.master.data[i]! - start]
    both += a * b
    ours += a * a
    theirs += b * b
  }
  expect(both / Math.sqrt(ours * theirs)).toBeGreaterThan(0.9)
})

test('what a trainer trains is its own until it is disposed', async () => {
  await using model = await VisionLanguageModel.load(fixture('models/v4-bfloat16'))
  model.freeze(freeze)
  const trainer = await createTrainer(model)
  const refused = { code: 'ERR_TRAINING', message: expect.stringContaining(name) }
  await expect(model.edit(name, (w) => w.mul(2))).rejects.toMatchObject(refused)
  await expect(model.restore(name)).rejects.toMatchObject(refused)
  await expect(model.graft(fixture('models/v4-bfloat16'), name)).rejects.toMatchObject(refused)
  await expect(createTrainer(model)).rejects.toMatchObject({ code: 'ERR_TRAINING' })
  await model.edit('visual.merger.mlp.0.weight', (w) => w.mul(2))
  await trainer.dispose()
  expect(await model.restore(name)).toEqual([name])
  await using next = await createTrainer(model)
  expect(next.names).toContain(name)
})
