import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import type { VisionLanguageModel } from '../../src/model/model.ts'
import type { SwapIntervention } from '../../src/model/swap.ts'
import { inputsOf, readTensors, type SwapCase, swaps } from './cases.ts'
import { fixtureModels } from './models.ts'
import { tokenComparison } from './near-ties.ts'
import { comparison, inPrecision, precisions } from './tolerance.ts'
import { columnsOf, matrix, rowsOf, take } from './values.ts'

const { expectClose } = comparison('swap')
const { expectTokens, testCuts } = tokenComparison('swap')
const model = fixtureModels()
const newTokens = 12

/** Target and source of a pair, and the swap from layer `l` on. */
async function prepare(loaded: VisionLanguageModel, { messages, source_messages }: SwapCase) {
  const [target, source] = await Promise.all(
    [messages, source_messages].map((turns) => inputsOf(loaded.processor, { messages: turns, add_vision_id: false })),
  )
  const capture = ['key', 'value'].map((tensor) => `language_model.layers.*.self_attn.${tensor}`)
  const { logits, positionIds, captured } = await loaded.forward(source!, { capture })
  const swapFrom = (layer: number, options: Partial<SwapIntervention> = {}): SwapIntervention => ({
    kind: 'swap',
    point: `language_model.layers[${layer}:]`,
    positions: 'image',
    steps: 'prefill',
    resample: true,
    source: { inputs: source!, keysValues: captured },
    ...options,
  })
  return {
    target: target!,
    source: source!,
    swapFrom,
    [Symbol.dispose]() {
      for (const inputs of [target!, source!]) disposeInputs(inputs)
      for (const tensor of [logits, positionIds, ...Object.values(captured)]) tensor.dispose()
    },
  }
}

describe.each(precisions)('in %s', (precision) => {
  describe.each(swaps)('$name', (known) => {
    const layers = known.swapped.map((_, layer) => layer)
    const decoding = { maxNewTokens: newTokens, repetitionPenalty: known.repetition_penalty }

    test('there is a swap for every layer, and without one both prompts get their own replies', async () => {
      const loaded = await model(known.model, precision)
      expect(layers).toHaveLength(loaded.config.numHiddenLayers)
      using pair = await prepare(loaded, known)
      expectTokens((await loaded.generate(pair.target, decoding)).tokenIds, known.original, 'target')
      expectTokens((await loaded.generate(pair.source, decoding)).tokenIds, known.source, 'source')
    })

    test.each([
      ['prefill', known.swapped],
      ['all', known.compat],
    ] as const)('steps %s: the reply is that of the Python implementation for every layer', async (steps, replies) => {
      const loaded = await model(known.model, precision)
      using pair = await prepare(loaded, known)
      expect(replies).toHaveLength(layers.length)
      for (const layer of layers) {
        const interventions = [pair.swapFrom(layer, { steps })]
        const { tokenIds } = await loaded.generate(pair.target, { ...decoding, interventions })
        expectTokens(tokenIds, replies[layer]!, `layer ${layer}`)
      }
    })

    test('the logits of the first token are those of the Python implementation for every layer', async () => {
      const loaded = await model(known.model, precision)
      using pair = await prepare(loaded, known)
      const stored = await readTensors(known.tensors)
      const expected = stored[inPrecision('logits', precision)]!
      for (const layer of layers) {
        const output = await loaded.forward(pair.target, { interventions: [pair.swapFrom(layer)] })
        output.positionIds.dispose()
        const logits = matrix(await take(output.logits), 0)
        const last = rowsOf(logits, [logits.shape[0]! - 1])
        const found = columnsOf(last, stored.logits_ids!.data)
        expectClose('logits', found, rowsOf(expected, [layer]), precision, `layer ${layer}`)
      }
    })
  })
})

const unequal = swaps.filter(({ name }) => name.endsWith('unequal'))

test.each(unequal)('$name: without resampling, pictures of unequal grids are ERR_GRID_MISMATCH', async (known) => {
  const loaded = await model(known.model)
  using pair = await prepare(loaded, known)
  const interventions = [pair.swapFrom(0, { resample: false })]
  const refused = { code: 'ERR_GRID_MISMATCH', message: expect.stringMatching(/\d+.*\d+/) }
  await expect(loaded.forward(pair.target, { interventions })).rejects.toMatchObject(refused)
  await expect(loaded.generate(pair.target, { interventions })).rejects.toMatchObject(refused)
})

test('a picture swapped for itself changes nothing', async () => {
  const [known] = swaps
  const loaded = await model(known!.model)
  using pair = await prepare(loaded, { ...known!, source_messages: known!.messages })
  const interventions = [pair.swapFrom(0, { resample: false })]
  const { tokenIds } = await loaded.generate(pair.target, {
    maxNewTokens: newTokens,
    repetitionPenalty: 1,
    interventions,
  })
  expect(tokenIds).toEqual(known!.original.tokens)
})

testCuts()
