import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import { caseNamed, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'
import { comparison, precisions } from './tolerance.ts'
import { takeOutput, type Values } from './values.ts'

const { expectClose } = comparison('attention')
const model = fixtureModels()

/** Weights [heads, T, T] applied to values [kv_heads, T, head_dim], each of which serves several heads: [T, heads, head_dim]. */
function weighted(weights: Values, values: Values): Values {
  const [heads, tokens] = weights.shape as [number, number]
  const [kvHeads, , headDim] = values.shape as [number, number, number]
  const data = new Float64Array(tokens * heads * headDim)
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < tokens; i++)
      for (let j = 0; j < tokens; j++) {
        const weight = weights.data[(h * tokens + i) * tokens + j]!
        const from = (Math.floor(h / (heads / kvHeads)) * tokens + j) * headDim
        const to = (i * heads + h) * headDim
        for (let d = 0; d < headDim; d++) data[to + d]! += weight * values.data[from + d]!
      }
  return { shape: [tokens, heads, headDim], data }
}

function rowSums({ shape, data }: Values): Values {
  const [heads, tokens] = shape as [number, number]
  const sums = Float64Array.from({ length: heads * tokens }, (_, row) =>
    data.subarray(row * tokens, (row + 1) * tokens).reduce((sum, weight) => sum + weight, 0),
  )
  return { shape: [heads, tokens], data: sums }
}

function largestAhead({ shape, data }: Values): number {
  const tokens = shape[1]!
  return data.reduce(
    (most, weight, i) => (i % tokens > Math.floor(i / tokens) % tokens ? Math.max(most, weight) : most),
    0,
  )
}

describe.each(precisions)('in %s', (precision) => {
  test.each(['photo', 'v5-photo', 'qwen2-text'])(
    '%s: attention weights are causal, sum to 1, and give what the fused kernel gives',
    async (name) => {
      const known = caseNamed(name)
      const loaded = await model(known.model, precision)
      const inputs = await inputsOf(loaded.processor, known)
      const of = (tensor: string) => `language_model.layers.*.self_attn.${tensor}`
      const fused = await takeOutput(await loaded.forward(inputs, { capture: [of('value'), of('heads')] }))
      const eager = await takeOutput(await loaded.forward(inputs, { capture: [of('weights')] }))
      for (let layer = 0; layer < loaded.config.numHiddenLayers; layer++) {
        const at = `language_model.layers.${layer}.self_attn`
        const weights = eager.points[`${at}.weights`]!
        const sums = rowSums(weights)
        const ones = { shape: sums.shape, data: sums.data.map(() => 1) }
        expectClose('row sums', sums, ones, precision, at)
        expect(largestAhead(weights), at).toBe(0)
        const heads = weighted(weights, fused.points[`${at}.value`]!)
        expectClose('heads', heads, fused.points[`${at}.heads`]!, precision, at)
      }
      expectClose('logits', eager.logits, fused.logits, precision)
      disposeInputs(inputs)
    },
  )
})
