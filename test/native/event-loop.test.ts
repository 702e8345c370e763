import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { textConfig } from './models.ts'
import { temporaryDirectory } from './temporary.ts'

const directory = join(temporaryDirectory(), 'model')

beforeAll(async () => {
  await native().setNumThreads(1)
  await initCheckpoint({ config: textConfig({ hiddenSize: 512, layers: 8 }), out: directory })
})

/** How often, while `work` ran, a timer fired and then a file was read. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let working = true
  const turning = (async () => {
    while (working) {
      await sleep(1)
      await readFile(join(directory, 'config.json'))
      turns++
    }
  })()
  await work()
  const during = turns
  working = false
  await turning
  return during
}

// Each takes far more than ten times what one turn does; work on the JavaScript thread would leave none.
test('timers and file reads complete while a model loads', async () => {
  const load = async () => (await VisionLanguageModel.load(directory, { dtype: 'float64' })).dispose()
  expect(await turnsDuring(load)).toBeGreaterThan(10)
})

test('timers and file reads complete while a prompt is prefilled and while tokens are generated', async () => {
  await using model = await VisionLanguageModel.load(directory, { dtype: 'float32' })
  const prompt = { inputIds: [Array.from({ length: 400 }, (_, i) => i % 250)] }
  const prefill = async () => {
    const { logits, positionIds } = await model.forward(prompt)
    logits.dispose()
    positionIds.dispose()
  }
  expect(await turnsDuring(prefill)).toBeGreaterThan(10)
  expect(
    await turnsDuring(() => model.generateIds({ inputIds: [[65]] }, { maxNewTokens: 20, repetitionPenalty: 2 })),
  ).toBeGreaterThan(10)
})
