import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import { cases, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'
import { tokenComparison } from './near-ties.ts'
import { precisions } from './tolerance.ts'
import { matrix, take } from './values.ts'

const { expectTokens, testCuts } = tokenComparison('greedy')
const model = fixtureModels()
const newTokens = 32

describe.each(precisions)('in %s', (precision) => {
  test.each(cases)('$name: greedy tokens and their text are those of transformers', async (known) => {
    const loaded = await model(known.model, precision)
    const inputs = await inputsOf(loaded.processor, known)
    const options = { maxNewTokens: newTokens, repetitionPenalty: known.repetition_penalty }
    const { tokenIds, text, finishReason } = await loaded.generate(inputs, options)
    expectTokens(tokenIds, known.greedy, known.name)
    expect(text).toBe(known.greedy.text)
    expect(finishReason).toBe(known.greedy.tokens.length < newTokens ? 'stop' : 'length')
    disposeInputs(inputs)
  })
})

// What a reply was conditioned on must be what scoring that reply sees: positions and caches of decoding against none of them.
test.each(cases.filter((known) => known.repetition_penalty === 1))(
  '$name: one pass over prompt and reply would choose the same tokens',
  async (known) => {
    const loaded = await model(known.model)
    const inputs = await inputsOf(loaded.processor, known)
    const prompt = inputs.inputIds[0]!
    const { tokens } = known.greedy
    const { logits, positionIds } = await loaded.forward({ ...inputs, inputIds: [[...prompt, ...tokens.slice(0, -1)]] })
    positionIds.dispose()
    const { shape, data } = matrix(await take(logits), 0)
    const width = shape[1]!
    const chosen = tokens.map((_, i) => {
      const scores = data.subarray((prompt.length - 1 + i) * width, (prompt.length + i) * width)
      return scores.indexOf(Math.max(...scores))
    })
    expectTokens(chosen, known.greedy, known.name)
    disposeInputs(inputs)
  },
)

testCuts()
