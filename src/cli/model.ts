import type { VisionLanguageModel } from '../model/model.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { interruption } from './interrupt.ts'

export interface ModelOptions {
  model: string
  device: string
  dtype?: FloatingDtype
}

/** The checkpoint that `--model`, `--device` and `--dtype` name, and the seconds it took to load. */
export async function loadModel({
  model,
  device,
  dtype,
}: ModelOptions): Promise<{ model: VisionLanguageModel; loadS: number }> {
  // Loaded here: the help of a command needs no libtorch.
  const { VisionLanguageModel } = await import('../model/model.ts')
  const begun = performance.now()
  const loaded = await VisionLanguageModel.load(model, { device, dtype, signal: interruption })
  return { model: loaded, loadS: (performance.now() - begun) / 1000 }
}
