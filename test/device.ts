// Where the tests run their models and tensors: FRANKENTORCH_TEST_DEVICE, by default the CPU. A setup file of every test file.
//   FRANKENTORCH_TEST_DEVICE=cuda npx vitest run
// A test that is about the CPU (its kernels, the mapped weights, the memory of the process) names `device: 'cpu'` when it loads.
// Commands and other processes that tests start keep their own default.

import type { Device } from '../src/tensor/argument-types.ts'

export const device = (process.env.FRANKENTORCH_TEST_DEVICE || 'cpu') as Device

if (device !== 'cpu') {
  const { VisionLanguageModel } = await import('../src/model/model.ts')
  const load = VisionLanguageModel.load.bind(VisionLanguageModel)
  VisionLanguageModel.load = (nameOrPath, options) => load(nameOrPath, { device, ...options })
}
