import { expect, test } from 'vitest'
import { cuda, VisionLanguageModel } from '../../src/index.ts'
import { tinyText } from './models.ts'

// What holds without a CUDA device, which is all that has been tested.
test.runIf(!cuda.isAvailable())(
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
