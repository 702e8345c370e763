import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import { batches, inputsOf, readTensors } from './cases.ts'
import { fixtureModels } from './models.ts'
import { tokenComparison } from './near-ties.ts'
import { comparison, inPrecision, precisions } from './tolerance.ts'
import { rowsOf, takeOutput } from './values.ts'

const { expectClose } = comparison('batches')
const { expectTokens, testCuts } = tokenComparison('batches')
const model = fixtureModels()

// Once as recorded, and once backwards with every prompt twice, so that some rows share a group and pictures change places.
const arranged = batches.flatMap((rows) => [rows, [...rows, ...rows].reverse()])
const named = arranged.map((rows) => ({ rows, names: rows.map(({ name }) => name).join(', ') }))

describe.each(precisions)('in %s', (precision) => {
  test.each(named)('$names: every row is its own case', async ({ rows }) => {
    const loaded = await model(rows[0]!.model, precision)
    const inputs = await inputsOf(loaded.processor, ...rows)
    const capture = ['language_model.layers.*', 'language_model.norm']
    const outputs = await loaded.forwardBatch(inputs, { capture })
    expect(outputs).toHaveLength(rows.length)
    for (const [row, { name, tensors }] of rows.entries()) {
      const stored = await readTensors(tensors)
      const expected = (name: string) => stored[inPrecision(name, precision)]!
      const { logits, positionIds, points } = await takeOutput(outputs[row]!)
      expect(positionIds, name).toEqual(stored.position_ids)
      expectClose('logits', rowsOf(logits, expected('logits_positions').data), expected('logits'), precision, name)

      const [alone] = await loaded.forwardBatch(await inputsOf(loaded.processor, rows[row]!), { capture })
      const single = await takeOutput(alone!)
      expectClose('logits against the prompt alone', logits, single.logits, precision, name)
      for (const [point, value] of Object.entries(points))
        expectClose(
          'hidden states against the prompt alone',
          value,
          single.points[point]!,
          precision,
          `${name} ${point}`,
        )
    }
    disposeInputs(inputs)
  })

  test.each(named)('$names: every row gets its own reply', async ({ rows }) => {
    const loaded = await model(rows[0]!.model, precision)
    const inputs = await inputsOf(loaded.processor, ...rows)
    const replies = await loaded.generateIds(inputs, { maxNewTokens: 32, repetitionPenalty: 1 })
    expect(replies).toHaveLength(rows.length)
    for (const [row, { name, greedy }] of rows.entries()) expectTokens(replies[row]!, greedy, name)
    disposeInputs(inputs)
  })
})

testCuts()
