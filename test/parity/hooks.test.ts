import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Hook, type Tensor, tensor, type VisionLanguageModel } from '../../src/index.ts'
import { device } from '../device.ts'
import { fixture } from '../processor/fixture.ts'
import { fixtureModels } from './models.ts'
import { comparison } from './tolerance.ts'
import { take } from './values.ts'

interface Reply {
  tokens: number[]
  logits: string
}
// scripts/fixtures_interventions.py: forward hooks of transformers on the same checkpoints
const known = JSON.parse(readFileSync(fixture('interventions.json'), 'utf8')) as {
  prompt: number[]
  other: number[]
  layer: number
  models: Record<string, Record<string, Reply>>
}
const { expectClose } = comparison('hooks')
const models = fixtureModels()
const layer = `language_model.layers.${known.layer}`
const inputs = { inputIds: [known.prompt] }

/** 2 sin(i) */
const vector = (width: number) => tensor(Float32Array.from({ length: width }, (_, i) => 2 * Math.sin(i)))

async function captured(model: VisionLanguageModel): Promise<Tensor> {
  const { captured } = await model.forward({ inputIds: [known.other] }, { capture: [layer] })
  return captured[layer]!
}

type Attach = (model: VisionLanguageModel) => Hook[] | Promise<Hook[]>

const declared: Record<string, Attach> = {
  plain: () => [],
  zero: (model) => [model.hook({ kind: 'zero', point: `${layer}.mlp` })],
  'add-prompt': (model) => [
    model.hook({ kind: 'add', point: layer, tensor: vector(model.config.hiddenSize), positions: [3, 7] }),
  ],
  'add-answer': (model) => [
    model.hook({ kind: 'add', point: layer, tensor: vector(model.config.hiddenSize), steps: 'decode' }),
  ],
  replace: async (model) => [
    model.hook({ kind: 'replace', point: layer, tensor: await captured(model), positions: [1, 4, 9] }),
  ],
  skip: (model) => [model.hook({ kind: 'skip', point: layer })],
  head: (model) => [model.hook({ kind: 'zero', point: `${layer}.self_attn.heads`, heads: [1] })],
}

const recorded: Record<string, Attach> = {
  zero: (model) => [model.hook(`${layer}.mlp`, (x) => x.zeros_like())],
  'add-prompt': (model) => {
    const direction = vector(model.config.hiddenSize)
    return [model.hook(layer, (x) => x.add(direction), { positions: [3, 7] })]
  },
  'add-answer': (model) => {
    const direction = vector(model.config.hiddenSize)
    return [model.hook(layer, (x) => x.add(direction), { positions: 'answer' })]
  },
  head: (model) => [model.hook(`${layer}.self_attn.heads`, (x) => x.mul(0), { heads: [1] })],
}

const asked: Record<string, Attach> = {
  replace: async (model) => {
    const source = await captured(model)
    const replace = (_: Tensor, { step }: { step: string }) => (step === 'prefill' ? source : undefined)
    return [model.hookAsync(layer, replace, { positions: [1, 4, 9] })]
  },
  'add-answer': (model) => [
    model.hookAsync(layer, (x, { step }) => (step === 'decode' ? x.add(vector(x.shape[2]!).to(device)) : undefined)),
  ],
}

const ways = Object.entries({ declared, recorded, asked }).flatMap(([way, cases]) =>
  Object.entries(cases).map(([name, attach]) => ({ way, name, attach })),
)

describe.each(Object.keys(known.models))('%s', (checkpoint) => {
  test.each(ways)('$name, $way: prefill and every decoding step as with hooks of transformers', async (one) => {
    const model = await models(checkpoint)
    const { tokens, logits } = known.models[checkpoint]![one.name]!
    const steps: number[] = []
    const hooks = await one.attach(model)
    hooks.push(
      model.hookAsync('lm_head', async (x) => {
        steps.push(...(await take(await x.clone())).data)
      }),
    )
    const options = { maxNewTokens: tokens.length, repetitionPenalty: 1 }
    const reply = await model.generate(inputs, options)
    for (const hook of hooks) hook.dispose()
    expect(reply.tokenIds).toEqual(tokens.slice(0, reply.tokenIds.length))
    const data = Float64Array.from(new Float32Array(Uint8Array.from(Buffer.from(logits, 'base64')).buffer))
    const shape = [reply.tokenIds.length, model.config.vocabSize]
    const wanted = { shape, data: data.subarray(0, shape[0]! * shape[1]!) }
    expectClose(one.way, { shape, data: Float64Array.from(steps) }, wanted, 'float32', one.name)
  })
})
