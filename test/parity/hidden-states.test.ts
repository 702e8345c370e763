import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import type { VisionLanguageModel } from '../../src/model/model.ts'
import { cases, inputsOf, readTensors, visualPositions } from './cases.ts'
import { fixtureModels } from './models.ts'
import { comparison, inPrecision, precisions } from './tolerance.ts'
import { matrix, rowsOf, takeOutput } from './values.ts'

const { expectClose } = comparison('hidden-states')
const model = fixtureModels()

/** The points that transformers calls hidden states: embeddings with the pictures in place, every decoder layer, the final norm. */
function hiddenStates({ config }: VisionLanguageModel): string[] {
  const layers = Array.from({ length: config.numHiddenLayers }, (_, i) => `language_model.layers.${i}`)
  return ['language_model.layers.0:input', ...layers, 'language_model.norm']
}

describe.each(precisions)('in %s', (precision) => {
  test.each(cases)('$name: vision embeddings, hidden states and logits are those of transformers', async (known) => {
    const loaded = await model(known.model, precision)
    const stored = await readTensors(known.tensors)
    const expected = (name: string) => stored[inPrecision(name, precision)]!
    const inputs = await inputsOf(loaded.processor, known)
    const states = hiddenStates(loaded)
    const { logits, points } = await takeOutput(await loaded.forward(inputs, { capture: states }))

    if (stored.vision_rows) {
      const embeddings = rowsOf(points[states[0]!]!, visualPositions(loaded, inputs))
      expectClose('vision embeddings', rowsOf(embeddings, stored.vision_rows.data), expected('vision'), precision)
    }
    expect(expected('hidden_states').shape[0]).toBe(states.length)
    for (const [i, state] of states.entries()) {
      const found = rowsOf(points[state]!, expected('positions').data)
      expectClose('hidden states', found, matrix(expected('hidden_states'), i), precision, state)
    }
    expectClose('logits', rowsOf(logits, expected('logits_positions').data), expected('logits'), precision)
    disposeInputs(inputs)
  })
})
