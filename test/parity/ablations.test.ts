import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import type { Intervention } from '../../src/model/interventions.ts'
import { ablations, caseNamed, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'
import { tokenComparison } from './near-ties.ts'
import { precisions } from './tolerance.ts'

// Crippled models are often undecided: at 1e-3, 6 % would be cut. Rounding is below 1e-5.
const { expectTokens, testCuts } = tokenComparison('ablations', 1e-4)
const model = fixtureModels()

/** `layer_2`, `attention_2`, `mlp_2` or `head_2_1` of the fixtures as an intervention. */
function ablation(name: string): Intervention[] {
  const [part, layer, head] = name.split('_')
  const point = `language_model.layers.${layer}`
  if (part === 'layer') return [{ kind: 'skip', point }]
  if (part === 'attention') return [{ kind: 'zero', point: `${point}.self_attn` }]
  if (part === 'mlp') return [{ kind: 'zero', point: `${point}.mlp` }]
  if (part === 'head') return [{ kind: 'zero', point: `${point}.self_attn.heads`, heads: [Number(head)] }]
  return []
}

describe.each(precisions)('in %s', (precision) => {
  test.each(ablations)(
    '$case: without a layer, attention, MLP or head the reply is that of transformers',
    async (known) => {
      const prompt = caseNamed(known.case)
      const loaded = await model(prompt.model, precision)
      const inputs = await inputsOf(loaded.processor, prompt)
      expect(Object.keys(known.replies).length).toBeGreaterThan(3 * loaded.config.numHiddenLayers)
      for (const [name, reply] of Object.entries(known.replies)) {
        const { tokenIds } = await loaded.generate(inputs, {
          maxNewTokens: 12,
          repetitionPenalty: known.repetition_penalty,
          interventions: ablation(name),
        })
        expectTokens(tokenIds, reply, name)
      }
      disposeInputs(inputs)
    },
  )
})

testCuts()
