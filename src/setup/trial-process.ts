import { FrankentorchError, messageOf } from '../errors.ts'
import { native } from '../native.ts'
import { tensor } from '../tensor/tensor.ts'
import type { Trial } from './trial.ts'

// Started by trial.ts: loads the addon, has the engine compute something, and reports.
async function run(): Promise<Trial> {
  try {
    const addon = native()
    const ones = tensor(new Float32Array(4096).fill(1), [64, 64])
    const product = await ones.matmul(ones)
    const [corner] = await product.data()
    if (corner !== 64) throw new Error(`64 × 64 ones multiplied by themselves gave ${corner}`)
    const [threads, cudaDevices] = [await addon.numThreads(), addon.cudaDeviceCount()]
    return { outcome: 'works', torchVersion: addon.torchVersion, threads, cudaDevices }
  } catch (thrown) {
    const code = thrown instanceof FrankentorchError ? thrown.code : 'ERR_ENGINE'
    return { outcome: 'refused', code, message: messageOf(thrown) }
  }
}

process.send!(await run(), () => process.disconnect())
