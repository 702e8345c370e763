import { expect, test } from 'vitest'
import {
  all,
  type Expression,
  grad,
  type Intervention,
  randn,
  type Tensor,
  type VisionLanguageModel,
} from '../../src/index.ts'
import { device } from '../device.ts'
import { caseNamed, inputsOf } from '../parity/cases.ts'
import { fixtureModels } from '../parity/models.ts'

const models = fixtureModels()
const layer = 'language_model.layers.2'
const inputs = { inputIds: [[5, 6, 7, 8, 9]] }
const token = 17

const loss = (logits: Tensor): Expression => logits.narrow(1, -1, 1).log_softmax(-1).select(2, token).sum()

async function lossWith(model: VisionLanguageModel, interventions: Intervention[]): Promise<number> {
  const { logits } = await model.forward(inputs, { interventions })
  return Number(await loss(logits).item())
}

test.each([layer, `${layer}.self_attn.key`, `${layer}.mlp:input`, 'language_model.embed_tokens'])(
  'the gradient at %s is the slope that interventions measure',
  async (point) => {
    const model = await models('hub-tied', 'float64')
    const { logits, captured } = await model.forward(inputs, { grad: true, capture: [point] })
    const at = captured[point]!
    expect([logits.differentiable, at.differentiable]).toEqual([true, true])
    const [slope] = grad(loss(logits), [at])
    using direction = await randn(at.shape, { dtype: 'float64', seed: 3, device })
    const along = Number(await slope!.mul(direction).sum().item())
    const step = 1e-5
    const nudged = async (by: number) => {
      using tensor = await direction.mul(by)
      return lossWith(model, [{ kind: 'add', point, tensor, steps: 'prefill' }])
    }
    const measured = ((await nudged(step)) - (await nudged(-step))) / (2 * step)
    expect(Math.abs(along - measured)).toBeLessThan(1e-6 * Math.max(1, Math.abs(along)))
  },
)

test('gradients reach several captured points at once, and of the vision tower', async () => {
  const model = await models('hub-tied')
  const pictures = await inputsOf(model.processor, caseNamed('photo'))
  const capture = ['visual.blocks.1', 'visual.merger', 'language_model.layers.*']
  const { logits, captured } = await model.forward(pictures, { grad: true, capture })
  const values = Object.values(captured)
  const slopes = grad(loss(logits), values)
  for (const [i, gradient] of (await all(slopes)).entries()) {
    expect(gradient.shape).toEqual(values[i]!.shape)
    expect(Number(await gradient.abs().max().item())).toBeGreaterThan(0)
  }
})

test('backward leaves gradients at captured points and at the parameters asked for, frozen ones left out', async () => {
  const model = await models('hub-tied', 'float64')
  const name = 'language_model.layers.3.mlp.down_proj.weight'
  model.freeze(`${layer}.mlp`)
  const out = await model.forward(inputs, {
    grad: true,
    capture: [layer],
    parameters: ['language_model.layers[2:4].mlp.down_proj'],
  })
  expect(Object.keys(out.parameters)).toEqual([name])
  await loss(out.logits).backward()
  const [byBackward, atLayer] = [out.parameters[name]!.accumulatedGrad(), out.captured[layer]!.accumulatedGrad()]
  expect(Number(await atLayer.abs().sum().item())).toBeGreaterThan(0)

  // the slope in one weight, measured by an edit
  using gradient = await byBackward
  const element = async () => Number(await gradient.select(0, 1).select(0, 2).item())
  const step = 1e-5
  const edited = async (by: number) => {
    await model.edit(name, (w) => void w.select(0, 1).narrow(0, 2, 1).add_(by))
    const value = await lossWith(model, [])
    await model.restore()
    return value
  }
  const measured = ((await edited(step)) - (await edited(-step))) / (2 * step)
  expect(Math.abs((await element()) - measured)).toBeLessThan(1e-6)
  model.unfreeze('**')
})

test('rows of one pass have gradients of their own', async () => {
  const model = await models('hub-tied', 'float64')
  const rows = { inputIds: [inputs.inputIds[0]!, [3, 4, 5, 6, 7], [1, 2]] }
  const options = { grad: true, capture: [layer] }
  const together = await model.forwardBatch(rows, options)
  for (const [row, ids] of rows.inputIds.entries()) {
    const alone = await model.forward({ inputIds: [ids] }, options)
    const [one] = grad(loss(alone.logits), [alone.captured[layer]!])
    const [other] = grad(loss(together[row]!.logits), [together[row]!.captured[layer]!], { retainGraph: true })
    expect(Number(await one!.sub(other!).abs().max().item())).toBeLessThan(1e-10)
  }
})

test('a vector that a hook adds can be learned: gradients reach the constants of its program', async () => {
  const model = await models('hub-tied')
  using vector = await randn([model.config.hiddenSize], { seed: 1 }).requiresGrad()
  using _ = model.hook(layer, (x) => x.add(vector))
  const { logits } = await model.forward(inputs, { grad: true })
  const [slope] = grad(loss(logits), [vector])
  expect(Number(await slope!.abs().max().item())).toBeGreaterThan(0)
})

test('without grad nothing is differentiable, and a captured value is a copy', async () => {
  const model = await models('hub-tied')
  const { logits, captured, parameters } = await model.forward(inputs, { capture: [layer] })
  expect([logits.differentiable, captured[layer]!.differentiable, parameters]).toEqual([false, false, {}])
  await expect(model.forward(inputs, { parameters: ['early'] })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  await expect(model.forward(inputs, { grad: true, parameters: ['erly'] })).rejects.toMatchObject({
    code: 'ERR_UNKNOWN_PARAMETER',
  })
})
