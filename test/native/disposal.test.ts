import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { memory, tensor } from '../../src/tensor/tensor.ts'
import { tiny } from './models.ts'

const prompt = { inputIds: [[65, 66, 67]] }
const disposed = { code: 'ERR_DISPOSED' }

beforeAll(async () => {
  await native().setNumThreads(1)
})

describe('a disposed tensor', () => {
  test('cannot be read, and disposing it again is nothing', async () => {
    const value = tensor(Float32Array.of(1, 2))
    value.dispose()
    value.dispose()
    for (const read of [value.data(), value.bytes(), value.tolist()]) await expect(read).rejects.toMatchObject(disposed)
    expect(memory()).toMatchObject({ tensors: 0, bytes: 0 })
  })

  test('is still read by the jobs queued before', async () => {
    const value = tensor(Float32Array.of(1, 2))
    const reading = [value.data(), value.data()]
    value.dispose()
    expect(await Promise.all(reading)).toEqual([Float32Array.of(1, 2), Float32Array.of(1, 2)])
  })

  test('cannot be an input, and the model stays usable', async () => {
    await using model = await VisionLanguageModel.load(tiny)
    const pixelValues = tensor(new Float32Array(16 * 1176), [16, 1176])
    const inputs = { inputIds: [[265, 268, 268, 268, 268, 266]], pixelValues, imageGridThw: [[1, 4, 4]] }
    const running = model.generate(inputs, { maxNewTokens: 4 })
    await new Promise(setImmediate)
    pixelValues.dispose()
    expect((await running).tokenIds.length).toBeGreaterThan(0)
    await expect(model.generate(inputs)).rejects.toMatchObject(disposed)
    expect((await model.generate(prompt, { maxNewTokens: 2 })).tokenIds).toHaveLength(2)
  })

  test('is disposed at the end of its block by `using`', () => {
    {
      using value = tensor(new Uint8Array(10))
      expect(memory()).toMatchObject({ tensors: 1, bytes: value.numel() })
    }
    expect(memory()).toMatchObject({ tensors: 0, bytes: 0 })
  })
})

describe('a disposed model', () => {
  test('refuses every call', async () => {
    const model = await VisionLanguageModel.load(tiny)
    await model.dispose()
    await model.dispose()
    for (const call of [
      () => model.generate(prompt),
      () => model.generate([{ role: 'user', content: 'Hi' }]),
      () => model.generateIds(prompt),
      () => model.forward(prompt),
      () => model.forwardBatch(prompt),
      () => model.stream(prompt).next(),
      async () => model.visionLayout([[1, 2, 2]]),
    ]) {
      await expect(call()).rejects.toMatchObject({ ...disposed, message: 'The model hub-tied was disposed' })
    }
    expect(memory().models).toBe(0)
  })

  test('finishes the work queued before it, whether or not that is awaited', async () => {
    const model = await VisionLanguageModel.load(tiny)
    const replies = Array.from({ length: 4 }, () => model.generate(prompt, { maxNewTokens: 8 }))
    const passes = model.forward(prompt, { capture: ['language_model.layers.*'] })
    await model.dispose()
    const [first, ...others] = (await Promise.all(replies)).map(({ tokenIds }) => tokenIds)
    for (const tokenIds of others) expect(tokenIds).toEqual(first)
    const { logits, positionIds, captured } = await passes
    expect(logits.shape).toEqual([1, 3, 288])
    for (const value of [logits, positionIds, ...Object.values(captured)]) value.dispose()
    expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
  })

  test('is disposed at the end of its block by `await using`', async () => {
    {
      await using model = await VisionLanguageModel.load(tiny)
      expect([model.points().length > 0, memory().models]).toEqual([true, 1])
    }
    expect(memory().models).toBe(0)
  })

  test('while it streams ends the stream as a generation ends', async () => {
    const model = await VisionLanguageModel.load(tiny)
    const stream = model.stream(prompt, { maxNewTokens: 6 })
    await stream.next()
    await model.dispose()
    for await (const piece of stream) expect(piece).not.toBe('')
    expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
  })
})

/** Resident memory of this process, without the file pages it maps. */
function residentBytes(): number {
  return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024
}

describe('cycles of loading and disposing', () => {
  test('1,000 of the engine leave no model and no memory', { timeout: 120_000 }, async () => {
    const { config, files, entries } = await openCheckpoint(tiny)
    const mapped = files.map(({ file, size }) => ({ path: file, size }))
    const parameters = [...entries.values()].map((entry) => ({ ...entry, file: 0 }))
    const bytes = parameters.reduce((sum, { begin, end }) => sum + end - begin, 0)
    const cycles = async (count: number) => {
      for (let i = 0; i < count; i++) {
        // Converted, so that every cycle takes memory of its own; every tenth is used.
        const model = await native().loadModel(config, mapped, parameters, 'float64', 'cpu')
        if (i % 10 === 0) await native().modelPoints(model)
        await native().disposeModel(model)
      }
    }
    await cycles(50)
    const before = residentBytes()
    await cycles(1000)
    expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
    // One model in twenty that stayed would show.
    expect(residentBytes() - before).toBeLessThan((1000 / 20) * 2 * bytes)
  })

  test('50 of the whole model, with a reply each, leave no model and no tensor', { timeout: 120_000 }, async () => {
    for (let i = 0; i < 50; i++) {
      await using model = await VisionLanguageModel.load(tiny)
      await model.generate(prompt, { maxNewTokens: 1 })
    }
    expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
  })
})
