import { afterAll, describe, expect, test } from 'vitest'
import { disposeInputs, type Inputs } from '../../src/model/inputs.ts'
import type { Intervention } from '../../src/model/interventions.ts'
import type { Prefilled, VisionLanguageModel } from '../../src/model/model.ts'
import type { SwapIntervention } from '../../src/model/swap.ts'
import { readSources } from '../../src/model/swap-sources.ts'
import { planSweep } from '../../src/model/sweep.ts'
import { randn } from '../../src/tensor/constructors.ts'
import { caseNamed, inputsOf, swaps } from '../parity/cases.ts'
import { fixtureModels } from '../parity/models.ts'

// In float64 rounding decides no token: the replies must be the same to the last one.
const models = fixtureModels()
const model = (name: string) => models(name, 'float64')
const options = { maxNewTokens: 6, repetitionPenalty: 1.05 }
let compared = 0
afterAll(() => console.info(`sweeps against one at a time: ${compared} tokens identical, 0 cut at near-ties`))

/** Every reply of a sweep is the one alone, whatever memory bounds it. -> how many of them differ from each other */
async function expectAlone(
  loaded: VisionLanguageModel,
  inputs: Inputs,
  configurations: Intervention[][],
): Promise<number> {
  const alone: number[][] = []
  for (const interventions of configurations)
    alone.push((await loaded.generate(inputs, { ...options, interventions })).tokenIds)
  // The sources of swaps are read before, or by the sweep itself.
  const unread = configurations.map((interventions) =>
    interventions.map((one) => (one.kind === 'swap' ? { ...one, source: { inputs: one.source.inputs } } : one)),
  )
  for (const swept of [configurations, unread]) {
    for (const maxMemory of [undefined, 300_000]) {
      const replies = await loaded.sweep(inputs, swept, { ...options, maxMemory })
      expect(replies.map(({ tokenIds }) => tokenIds)).toEqual(alone)
      compared += alone.flat().length
    }
  }
  return new Set(alone.map(String)).size
}

const layersOf = (loaded: VisionLanguageModel) => Array.from({ length: loaded.config.numHiddenLayers }, (_, i) => i)
const layer = (i: number) => `language_model.layers.${i}`

describe.each(swaps)('$name', (known) => {
  async function pair(loaded: VisionLanguageModel): Promise<{ target: Inputs; source: Prefilled } & Disposable> {
    const [target, other] = await Promise.all(
      [known.messages, known.source_messages].map((messages) =>
        inputsOf(loaded.processor, { messages, add_vision_id: false }),
      ),
    )
    const source = await loaded.prefill(other!)
    return {
      target: target!,
      source,
      [Symbol.dispose]() {
        source[Symbol.dispose]()
        for (const inputs of [target!, other!]) disposeInputs(inputs)
      },
    }
  }
  const swapAt = (
    source: SwapIntervention['source'],
    point: string,
    more: Partial<SwapIntervention> = {},
  ): Intervention[] => [{ kind: 'swap', point, positions: 'image', steps: 'prefill', resample: true, source, ...more }]

  test.each(['kv', 'k', 'v'] as const)('%s swapped from, only in and in a window of layers', async (tensors) => {
    const loaded = await model(known.model)
    using both = await pair(loaded)
    const layers = layersOf(loaded)
    const points = [
      ...layers.map((i) => `language_model.layers[${i}:]`),
      ...layers.map(layer),
      ...layers.slice(1).map((i) => `language_model.layers[${i - 1}:${i + 1}]`),
    ]
    const configurations = [[], ...points.map((point) => swapAt(both.source, point, { tensors }))]
    const distinct = await expectAlone(loaded, both.target, configurations)
    expect(distinct).toBeGreaterThan(1)
  })

  test('rows that swap from one source share it, read before or not', async () => {
    const loaded = await model(known.model)
    using both = await pair(loaded)
    using read = await readSources(
      layersOf(loaded).flatMap((i) => {
        const unread = { inputs: both.source.inputs }
        return [swapAt(both.source, `language_model.layers[${i}:]`), swapAt(unread, layer(i))]
      }),
      (source) => loaded.prefill(source),
    )
    const { config, dtype } = loaded
    const points = await loaded.points()
    const row = { maxNewTokens: 1, stopIds: [], temperature: 0, topP: 1, topK: 0, repetitionPenalty: 1, seed: 0 }
    const { sweep } = planSweep(read.configurations, both.target, row, { config, points, dtype, newTokens: 1 }, 0)
    expect(sweep.rows.map(({ swap }) => swap!.source)).toEqual(layersOf(loaded).flatMap(() => [0, 1]))
    expect(sweep.sources).toHaveLength(2)
  })

  test('a swap that recurs while decoding, as the published code has it', async () => {
    const loaded = await model(known.model)
    using both = await pair(loaded)
    const points = layersOf(loaded).flatMap((i) => [`language_model.layers[${i}:]`, layer(i)])
    const configurations = [[], ...points.map((point) => swapAt(both.source, point, { steps: 'all' }))]
    await expectAlone(loaded, both.target, configurations)
  })

  test('swaps beside other interventions, and sources of two kinds', async () => {
    const loaded = await model(known.model)
    using both = await pair(loaded)
    using itself = await loaded.prefill(both.target)
    await expectAlone(loaded, both.target, [
      [...swapAt(both.source, 'language_model.layers[2:]'), { kind: 'zero', point: `${layer(1)}.mlp` }],
      swapAt(itself, 'language_model.layers[1:]'),
      swapAt(both.source, 'language_model.layers[1:]'),
      [...swapAt(both.source, 'language_model.layers[3:]'), { kind: 'zero', point: layer(0), positions: 'answer' }],
      [],
    ])
  })
})

describe.each(['text', 'photo', 'two-images', 'v5-photo', 'qwen2-text'])('%s', (name) => {
  test('layers, attentions, MLPs, heads and blocks left out', async () => {
    const known = caseNamed(name)
    const loaded = await model(known.model)
    const inputs = await inputsOf(loaded.processor, known)
    const zero = (point: string, more = {}): Intervention[] => [{ kind: 'zero', point, ...more }]
    const configurations: Intervention[][] = [
      [],
      ...layersOf(loaded).flatMap((i): Intervention[][] => [
        [{ kind: 'skip', point: layer(i) }],
        zero(`${layer(i)}.self_attn`),
        zero(`${layer(i)}.mlp`),
        zero(`${layer(i)}.self_attn.heads`, { heads: [1] }),
      ]),
      [{ kind: 'skip', point: 'early' }],
      [{ kind: 'skip', point: 'language_model.layers[1:]' }],
    ]
    expect(await expectAlone(loaded, inputs, configurations)).toBeGreaterThan(5)
    disposeInputs(inputs)
  })

  test('changes of every kind, at every step and place', async () => {
    const known = caseNamed(name)
    const loaded = await model(known.model)
    const inputs = await inputsOf(loaded.processor, known)
    using vector = await randn([loaded.config.hiddenSize], { seed: 3 })
    const last = inputs.inputIds[0]!.length - 1
    await expectAlone(loaded, inputs, [
      [{ kind: 'add', point: layer(1), tensor: vector }],
      [{ kind: 'add', point: layer(2), tensor: vector, positions: [last] }],
      [{ kind: 'add', point: layer(2), tensor: vector, positions: [last - 2], steps: 'prefill' }],
      [{ kind: 'scale', point: layer(0), factor: 0.5, steps: 'decode' }],
      [{ kind: 'noise', point: layer(1), standardDeviation: 0.3, positions: 'answer' }],
      [{ kind: 'noise', point: layer(1), standardDeviation: 0.3, seed: 4 }],
      [{ kind: 'scale', point: 'language_model.norm', factor: 1.3 }],
      [{ kind: 'zero', point: 'lm_head', positions: [last] }],
      [{ kind: 'scale', point: 'language_model.embed_tokens', factor: 1.5 }],
      [{ kind: 'zero', point: `${layer(1)}.self_attn.weights`, heads: [0] }],
      [{ kind: 'zero', point: `${layer(0)}.self_attn.key`, heads: [0] }],
      [
        { kind: 'skip', point: layer(2) },
        { kind: 'add', point: layer(2), tensor: vector },
      ],
      [{ kind: 'skip', point: layer(1), steps: 'prefill' }],
      [{ kind: 'zero', point: 'language_model.layers.*.mlp', positions: [last] }],
      [],
    ])
    disposeInputs(inputs)
  })
})

test('rows that do not fit into maxMemory take turns, and their replies stay the same', async () => {
  const known = caseNamed('photo')
  const loaded = await model(known.model)
  const inputs = await inputsOf(loaded.processor, known)
  const configurations = [[], ...layersOf(loaded).map((i): Intervention[] => [{ kind: 'skip', point: layer(i) }])]
  const swept = (maxMemory?: number) => loaded.sweep(inputs, configurations, { ...options, maxMemory })
  const together = await swept()
  expect(together.map(({ timings }) => timings.passes)).toEqual(configurations.map(() => 1))
  const [each, some] = [await swept(1), await swept(1_500_000)]
  expect(each[0]!.timings.passes).toBe(configurations.length)
  expect(some[0]!.timings.passes).toBeGreaterThan(1)
  expect(some[0]!.timings.passes).toBeLessThan(configurations.length)
  for (const split of [each, some])
    expect(split.map(({ tokenIds }) => tokenIds)).toEqual(together.map(({ tokenIds }) => tokenIds))
  disposeInputs(inputs)
})
