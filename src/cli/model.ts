import type { VisionLanguageModel } from '../model/model.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { interruption } from './interrupt.ts'
import { inMegabytes, openTerminal } from './terminal.ts'

export interface ModelOptions {
  model: string
  device: string
  dtype?: FloatingDtype
  quiet?: boolean
}

/** The directory of a checkpoint given as one or by its name on the Hub; what has to be fetched shows on stderr. */
export async function modelDirectory({ model, quiet }: Pick<ModelOptions, 'model' | 'quiet'>): Promise<string> {
  const { resolveModel } = await import('../hub/index.ts')
  const progress = (await openTerminal({ quiet })).progress(`${model}, megabytes`)
  return resolveModel(model, { signal: interruption, onProgress: inMegabytes(progress) }).finally(() => progress.stop())
}

/** Gives `use` the checkpoint that `--model`, `--device` and `--dtype` name, and the seconds it took to load (not to fetch). */
export async function withModel<Result>(
  options: ModelOptions,
  use: (model: VisionLanguageModel, loadS: number) => Promise<Result>,
): Promise<Result> {
  const directory = await modelDirectory(options)
  const begun = performance.now()
  await using model = await loadModel(directory, options)
  return await use(model, (performance.now() - begun) / 1000)
}

// Imported here: the help of a command needs no libtorch. And not above: TypeScript 6.0.3 leaves the `.ts` of an import in a
// function that has a `using`.
async function loadModel(directory: string, { device, dtype }: ModelOptions): Promise<VisionLanguageModel> {
  const { VisionLanguageModel } = await import('../model/model.ts')
  return VisionLanguageModel.load(directory, { device, dtype, signal: interruption })
}
