import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import type { FrankentorchError } from '../../src/errors.ts'
import type { Reply } from '../../src/model/generation.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { type ModelHandle, native } from '../../src/native.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { textConfig, tiny } from './models.ts'
import { temporaryDirectory } from './temporary.ts'

const directory = join(temporaryDirectory(), 'model')
const prompt = { inputIds: [[65, 66, 67]] }
let model: VisionLanguageModel

beforeAll(async () => {
  await native().setNumThreads(1)
  await initCheckpoint({ config: textConfig({ hiddenSize: 512, layers: 8 }), out: directory })
  model = await VisionLanguageModel.load(directory, { dtype: 'float32' })
})
afterAll(() => model.dispose())

async function failure(work: Promise<unknown>): Promise<FrankentorchError & { reply?: Reply; tokenIds?: number[][] }> {
  return await work.then(
    () => expect.fail('Expected a rejection'),
    (thrown) => thrown,
  )
}

/** The same checkpoint below the public class, where every token is seen as it comes. */
async function nativeModel(): Promise<ModelHandle> {
  const { config, files, entries } = await openCheckpoint(directory)
  const parameters = [...entries.values()].map((entry) => ({ ...entry, file: 0 }))
  const mapped = files.map(({ file, size }) => ({ path: file, size }))
  return native().loadModel(config, mapped, parameters, 'float32', 'cpu')
}

/** The model answers as ever. */
async function expectUsable(): Promise<void> {
  const { finishReason, tokenIds } = await model.generate(prompt, { maxNewTokens: 3 })
  expect([finishReason, tokenIds.length]).toEqual(['length', 3])
}

describe('a generation', () => {
  test('stops within a token, and its error has what was generated', async () => {
    const whole = await model.generate(prompt, { maxNewTokens: 12 })
    const abort = new AbortController()
    let seen = 0
    const stream = model.stream(prompt, { maxNewTokens: 2000, signal: abort.signal })
    const reading = async () => {
      for await (const _ of stream) if (++seen === 4) abort.abort(new Error('enough'))
    }
    const { code, reply, cause, message } = await failure(reading())
    expect([code, cause]).toEqual(['ERR_ABORTED', new Error('enough')])
    expect(message).toBe(`The generation was aborted after ${reply?.tokenIds.length} tokens`)
    expect(reply?.finishReason).toBe('aborted')
    // pieces of text may span tokens; the rest is the goal of one token, times four
    expect(reply?.tokenIds.length).toBeLessThan(2000)
    expect(reply?.tokenIds.slice(0, 4)).toEqual(whole.tokenIds.slice(0, 4))
    await expectUsable()
  })

  test('cancelled at a token gives no more than the one under way', async () => {
    const cancellation = native().createCancellation()
    const row = { maxNewTokens: 500, stopIds: [], temperature: 0, topP: 1, topK: 0, repetitionPenalty: 1, seed: 0 }
    const handle = await nativeModel()
    let seen = 0
    const { rows } = await native().generate(handle, prompt, [row], { interventions: [] }, cancellation, () => {
      if (++seen === 5) native().cancel(cancellation)
    })
    await native().disposeModel(handle)
    expect(rows[0]!.finishReason).toBe('aborted')
    expect(seen).toBe(rows[0]!.tokenIds.length)
    // four times the goal: this process may have had to wait for a core
    expect(seen).toBeLessThanOrEqual(5 + 4)
  })

  test('whose signal has fired never begins', async () => {
    const { code, reply } = await failure(model.generate(prompt, { signal: AbortSignal.abort() }))
    expect(code).toBe('ERR_ABORTED')
    expect(reply).toMatchObject({ text: '', tokenIds: [], promptTokenIds: [65, 66, 67], finishReason: 'aborted' })
  })

  test('that waits in the queue is aborted with an empty reply, and those before and after it are not', async () => {
    const abort = new AbortController()
    const before = model.generate(prompt, { maxNewTokens: 8 })
    const waiting = failure(model.generate(prompt, { maxNewTokens: 8, signal: abort.signal }))
    const after = model.generate(prompt, { maxNewTokens: 8 })
    abort.abort()
    const { code, reply } = await waiting
    expect([code, reply?.tokenIds]).toEqual(['ERR_ABORTED', []])
    expect((await before).tokenIds).toEqual((await after).tokenIds)
  })

  test('of several rows rejects with the tokens of each', async () => {
    const signal = AbortSignal.timeout(300)
    const rows = { inputIds: [[65], [66, 67]] }
    const { code, tokenIds } = await failure(model.generateIds(rows, { maxNewTokens: 5000, signal }))
    expect([code, tokenIds?.length]).toEqual(['ERR_ABORTED', 2])
  })

  test('whose stream is left early stops working', async () => {
    const begun = performance.now()
    for await (const _ of model.stream(prompt, { maxNewTokens: 20_000 })) break
    await expectUsable()
    // 20,000 tokens would take minutes
    expect(performance.now() - begun).toBeLessThan(30_000)
    expect(memory().tensors).toBe(0)
  })
})

test('a prefill stops within a layer', async () => {
  const long = { inputIds: [Array.from({ length: 800 }, (_, i) => i % 250)] }
  const timed = async (signal?: AbortSignal) => {
    const begun = performance.now()
    const outcome = await model.forward(long, { signal }).catch((thrown) => thrown as FrankentorchError)
    return { outcome, milliseconds: performance.now() - begun }
  }
  const whole = await timed()
  const { outcome, milliseconds } = await timed(AbortSignal.timeout(Math.round(whole.milliseconds / 10)))
  expect(outcome).toMatchObject({ code: 'ERR_ABORTED' })
  // a tenth, and one of eight layers, times four
  expect(milliseconds).toBeLessThan(whole.milliseconds * (0.1 + 4 / 8))
  if ('logits' in whole.outcome) for (const value of [whole.outcome.logits, whole.outcome.positionIds]) value.dispose()
  await expectUsable()
})

describe('loading', () => {
  test('aborted before it begins reads nothing', async () => {
    const missing = join(directory, 'none')
    const { code } = await failure(VisionLanguageModel.load(missing, { signal: AbortSignal.abort() }))
    expect(code).toBe('ERR_ABORTED')
  })

  test('aborted on the way leaves no model behind', async () => {
    const { models } = memory()
    // Behind this the load waits in the queue, so the signal finds it whatever the machine.
    const busy = model.generate(prompt, { maxNewTokens: 30 })
    const abort = new AbortController()
    const loading = failure(VisionLanguageModel.load(tiny, { dtype: 'float64', signal: abort.signal }))
    await sleep(20)
    abort.abort()
    expect((await loading).code).toBe('ERR_ABORTED')
    await busy
    expect(memory().models).toBe(models)
  })

  test('is aborted between two parameters', async () => {
    const signal = AbortSignal.timeout(1)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 3 }, () => VisionLanguageModel.load(directory, { dtype: 'float64', signal })),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await expectUsable()
  })
})
