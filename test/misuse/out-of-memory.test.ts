import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { resizeImage } from '../../src/model/processor/resize.ts'
import { native } from '../../src/native.ts'
import { memory, tensor } from '../../src/tensor/tensor.ts'
import { textConfig } from '../native/models.ts'
import { temporaryDirectory } from '../native/temporary.ts'

const outOfMemory = { code: 'ERR_OUT_OF_MEMORY' }

beforeAll(async () => {
  await native().setNumThreads(1)
})

// 2^46 elements are 2^48 bytes of float32: more than an address space holds, so no machine gives them away.
test('a cache of 2^46 elements is refused, and the model answers as before', async () => {
  const directory = join(temporaryDirectory(), 'model')
  // 1024 heads × 64 wide × 2^24 tokens of context × 64 rows
  const config = {
    ...textConfig({ hiddenSize: 64, layers: 1, heads: 1024, keyHeads: 1024 }),
    max_position_embeddings: 2 ** 24,
  }
  await initCheckpoint({ config, out: directory, dtype: 'float32' })
  await using model = await VisionLanguageModel.load(directory)
  const prompt = { inputIds: [[65, 66, 67]] }
  const before = await model.generateIds(prompt, { maxNewTokens: 4 })
  const rows = { inputIds: Array.from({ length: 64 }, (_, i) => [i]) }
  await expect(model.generateIds(rows, { maxNewTokens: 2 ** 24 })).rejects.toMatchObject(outOfMemory)
  expect(await model.generateIds(prompt, { maxNewTokens: 4 })).toEqual(before)
  expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 1 })
})

test('a tensor of 2^46 elements is refused', async () => {
  expect(() => native().tensorFromData(new Float32Array(4), 'float32', [2 ** 23, 2 ** 23])).toThrow(
    expect.objectContaining(outOfMemory),
  )
  // where a product no longer fits into 64 bits
  expect(() => native().tensorFromData(new Float32Array(4), 'float32', [2 ** 40, 2 ** 40])).toThrow(
    expect.objectContaining(outOfMemory),
  )
  using value = tensor(Float32Array.of(1, 2))
  expect(await value.tolist()).toEqual([1, 2])
  expect(memory()).toMatchObject({ tensors: 1, bytes: 8 })
})

test('an image of 2^46 pixels is refused', async () => {
  const pixel = { data: new Uint8Array(3), width: 1, height: 1 }
  await expect(resizeImage(pixel, { width: 1, height: 2 ** 46 })).rejects.toMatchObject(outOfMemory)
  await expect(resizeImage(pixel, { width: 2 ** 46, height: 1 })).rejects.toMatchObject(outOfMemory)
  expect((await resizeImage(pixel, { width: 2, height: 2 })).data).toHaveLength(12)
})
