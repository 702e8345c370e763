import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { beforeAll, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { compile } from '../cli/frankentorch.ts'
import { tiny } from './models.ts'

const script = fileURLToPath(new URL('children/generating.mjs', import.meta.url))
let expected: number[]

beforeAll(async () => {
  compile()
  await native().setNumThreads(1)
  await using model = await VisionLanguageModel.load(tiny)
  expected = (await model.generate({ inputIds: [[65, 66, 67]] }, { maxNewTokens: 24 })).tokenIds
})

function start(work: 'generate' | 'everything', rounds: number): Worker {
  return new Worker(script, { workerData: { directory: tiny, work, rounds } })
}

/** What a worker posts, until it ends. */
async function results(worker: Worker): Promise<unknown[]> {
  const posted: unknown[] = []
  worker.on('message', (message) => message !== 'begun' && posted.push(message))
  const [code] = await once(worker, 'exit')
  expect(code).toBe(0)
  return posted
}

test('two workers load and generate at once, beside this thread, and all give the same tokens', async () => {
  const working = [start('generate', 3), start('generate', 3)].map(results)
  await using model = await VisionLanguageModel.load(tiny)
  const here = await model.generate({ inputIds: [[65, 66, 67]] }, { maxNewTokens: 24 })
  expect(await Promise.all(working)).toEqual([Array(3).fill(expected), Array(3).fill(expected)])
  expect(here.tokenIds).toEqual(expected)
})

test('a worker terminated in the middle of its work does not disturb the other', async () => {
  const staying = start('generate', 8)
  const leaving = start('everything', 1000)
  const finished = results(staying)
  await once(leaving, 'message')
  await sleep(30)
  await leaving.terminate()
  expect(await finished).toEqual(Array(8).fill(expected))
})

test('workers terminated at any moment leave the process whole', { timeout: 120_000 }, async () => {
  for (let i = 0; i < 8; i++) {
    const worker = start('everything', 1000)
    await once(worker, 'message')
    await sleep(i * 7)
    await worker.terminate()
  }
  // What belongs to a worker is counted there.
  expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
})
