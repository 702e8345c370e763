import { error } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'

/** The decoder layers asked for, ascending and each once. Throws `ERR_UNKNOWN_LAYER`. */
export function decoderLayers(
  { config }: Pick<VisionLanguageModel, 'config'>,
  layers: 'all' | readonly number[],
): number[] {
  const count = config.numHiddenLayers
  if (layers === 'all') return Array.from({ length: count }, (_, layer) => layer)
  const unknown = layers.find((layer) => layer >= count)
  if (unknown === undefined) return [...new Set(layers)].sort((a, b) => a - b)
  throw error('ERR_UNKNOWN_LAYER', `Layer ${unknown} does not exist: the decoder has layers 0 to ${count - 1}`)
}
