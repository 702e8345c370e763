import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import { cases, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'
import { tokenComparison } from './near-ties.ts'
import { precisions } from './tolerance.ts'

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

testCuts()
