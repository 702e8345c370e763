import { describe, expect, test } from 'vitest'
import { cuda, randn, tensor, VisionLanguageModel } from '../../src/index.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { tiny, tinyText } from './models.ts'

const present = cuda.isAvailable()
if (!present) console.log('cuda.test.ts: no CUDA device, so what needs one is left out')

test.runIf(!present)(
  'without a device CUDA is said to be missing, by code, and emptying its cache is harmless',
  async () => {
    expect(cuda.deviceCount()).toBe(0)
    await cuda.emptyCache()
    const missing = { code: 'ERR_UNKNOWN_DEVICE', message: expect.stringMatching(/CUDA device.*use device 'cpu'/) }
    await expect(cuda.memory()).rejects.toMatchObject(missing)
    await expect(VisionLanguageModel.load(tinyText, { device: 'cuda' })).rejects.toMatchObject(missing)
  },
)

test('cuda.memory of another kind of device is refused', async () => {
  await expect(cuda.memory('cpu')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_DEVICE' })
  await expect(cuda.memory(0 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
})

describe.runIf(present)('with a device', () => {
  test('a tensor lies there, counts in its memory, and gives it back', async () => {
    const before = await cuda.memory()
    const large = await randn([1024, 1024], { device: 'cuda', seed: 1 })
    expect(large.device).toBe('cuda:0')
    const during = await cuda.memory()
    expect(during.allocated - before.allocated).toBe(4 * 2 ** 20)
    expect(during.peakAllocated).toBeGreaterThanOrEqual(during.allocated)
    expect(during.reserved).toBeGreaterThanOrEqual(during.allocated)
    expect(during.free).toBeLessThan(during.total)
    large.dispose()
    await cuda.emptyCache()
    const after = await cuda.memory()
    expect(after.allocated).toBe(before.allocated)
    expect(after.reserved).toBeLessThanOrEqual(during.reserved)
  })

  test('a device that is not there is refused with the number of those that are', async () => {
    const missing = { code: 'ERR_UNKNOWN_DEVICE', message: expect.stringContaining(`the ${cuda.deviceCount()} CUDA`) }
    await expect(cuda.memory('cuda:99')).rejects.toMatchObject(missing)
    await expect(VisionLanguageModel.load(tinyText, { device: 'cuda:99' })).rejects.toMatchObject(missing)
  })

  test('values cross there and back unchanged, and operands on two devices are an error that leaves the engine usable', async () => {
    using here = tensor(Float32Array.of(1, 2, 3))
    using there = await here.to('cuda')
    expect(await there.tolist()).toEqual([1, 2, 3])
    await expect(there.add(await here.mul(1)).then()).rejects.toMatchObject({ code: 'ERR_ENGINE' })
    expect(await (await there.add(1)).tolist()).toEqual([2, 3, 4])
  })

  test('a tensor larger than the device is ERR_OUT_OF_MEMORY, and the engine goes on', async () => {
    await expect(randn([2 ** 40], { device: 'cuda' }).then()).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' })
    using small = await randn([4], { device: 'cuda', seed: 1 })
    expect(await small.data()).toHaveLength(4)
  })

  test('a model replies as on the CPU, and gives its memory back', async () => {
    const messages = [{ role: 'user' as const, content: 'What is it?' }]
    await using onCpu = await VisionLanguageModel.load(tiny, { device: 'cpu' })
    const { tokenIds } = await onCpu.generate(messages, { maxNewTokens: 12 })
    const left: number[] = []
    for (let i = 0; i < 3; i++) {
      {
        await using onCuda = await VisionLanguageModel.load(tiny, { device: 'cuda' })
        expect(onCuda.device).toBe('cuda')
        expect((await onCuda.generate(messages, { maxNewTokens: 12 })).tokenIds).toEqual(tokenIds)
      }
      left.push((await cuda.memory()).allocated)
    }
    // the first time cuBLAS takes a workspace for good
    expect(Math.max(...left)).toBe(left[0])
    expect(memory().models).toBe(1)
  })
})
