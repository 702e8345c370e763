import type { VisionLanguageModel } from '../model/model.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { interruption } from './interrupt.ts'

export interface ModelOptions {
  model: string
  device: string
  dtype?: FloatingDtype
}

/** Gives `use` the checkpoint that `--model`, `--device` and `--dtype` name, and the seconds it took to load. */
export async function withModel<Result>(
  options: ModelOptions,
  use: (model: VisionLanguageModel, loadS: number) => Promise<Result>,
): Promise<Result> {
  const begun = performance.now()
  await using model = await loadModel(options)
  return await use(model, (performance.now() - begun) / 1000)
}

// Imported here: the help of a command needs no libtorch. And not above: TypeScript 6.0.3 leaves the `.ts` of an import in a
// function that has a `using`.
async function loadModel({ model, device, dtype }: ModelOptions): Promise<VisionLanguageModel> {
  const { VisionLanguageModel } = await import('../model/model.ts')
  return VisionLanguageModel.load(model, { device, dtype, signal: interruption })
}
