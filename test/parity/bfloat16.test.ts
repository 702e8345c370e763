import { expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { fixture } from '../processor/fixture.ts'
import { cases, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'
import { comparison } from './tolerance.ts'
import { takeOutput } from './values.ts'

const { record } = comparison('bfloat16')
const model = fixtureModels()

function cosine(a: Float64Array, b: Float64Array): number {
  expect(a).toHaveLength(b.length)
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  return ab / Math.sqrt(aa * bb)
}

test.each(cases)('$name: logits in bfloat16 point where those in float32 do', async (known) => {
  const [single, half] = [await model(known.model, 'float32'), await model(known.model, 'bfloat16')]
  const inputs = await inputsOf(single.processor, known)
  const { logits: expected } = await takeOutput(await single.forward(inputs))
  const output = await half.forward(inputs)
  expect(output.logits.dtype).toBe('bfloat16')
  const { logits } = await takeOutput(output)
  const similarity = cosine(logits.data, expected.data)
  record('1 - cosine of logits', 1 - similarity)
  expect(similarity).toBeGreaterThanOrEqual(0.999)
  disposeInputs(inputs)
})

test.each([
  ['v4-bfloat16', 'bfloat16'],
  ['hub-tied', 'float32'],
])('%s computes in the dtype it is stored in, %s, when none is asked for', async (name, dtype) => {
  await using loaded = await VisionLanguageModel.load(fixture(`models/${name}`))
  expect(loaded.dtype).toBe(dtype)
  const { logits, positionIds } = await loaded.forward([{ role: 'user', content: 'Hi' }])
  positionIds.dispose()
  using values = logits
  expect(values.dtype).toBe(dtype)
})
