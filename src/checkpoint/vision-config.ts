import { error } from '../errors.ts'
import { fieldsOf } from './fields.ts'
import { isObject, shown } from './json.ts'

/** The vision tower, in the names of `vision_config`. */
export interface VisionConfig {
  depth: number
  hiddenSize: number
  intermediateSize: number
  numHeads: number
  outHiddenSize: number
  /** Side of a patch in pixels. */
  patchSize: number
  /** Side, in patches, of the square that becomes one token. */
  spatialMergeSize: number
  /** Frames per patch; a still image is repeated to fill them. */
  temporalPatchSize: number
  inChannels: number
  /** Side of an attention window in pixels. */
  windowSize: number
  /** Blocks that attend to the whole image; the others stay in their windows. */
  fullattBlockIndexes: number[]
  /** Temporal positions per second of video. */
  tokensPerSecond: number
}

// transformers 4.49–4.51 saved only the vision fields that differ from its class, so fine-tuned checkpoints on the Hub
// lack these. The values are those of every released Qwen2.5-VL and of that class alike. hidden_size and
// tokens_per_second differ between the two and are therefore always in the file.
const omitted = {
  depth: 32,
  intermediate_size: 3420,
  num_heads: 16,
  patch_size: 14,
  spatial_merge_size: 2,
  temporal_patch_size: 2,
  window_size: 112,
  fullatt_block_indexes: [7, 15, 23, 31],
  hidden_act: 'silu',
}

/** Reads and checks `vision_config`; `outputSize` is the hidden size of the decoder it feeds. */
export function readVisionConfig(json: unknown, outputSize: number, file: string): VisionConfig {
  if (!isObject(json)) {
    throw error('ERR_CHECKPOINT_CONFIG', `${file}: vision_config: expected an object but found ${shown(json ?? null)}`)
  }
  const present = Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null))
  const place = { object: { ...omitted, out_hidden_size: outputSize, ...present }, prefix: 'vision_config.' }
  const vision = fieldsOf(file, [place])
  const config: VisionConfig = {
    depth: vision.integer('depth', 1, 1024),
    hiddenSize: vision.integer('hidden_size', 1, 65_536),
    intermediateSize: vision.integer('intermediate_size', 1, 1_048_576),
    numHeads: vision.integer('num_heads', 1, 1024),
    outHiddenSize: vision.integer('out_hidden_size', 1, 65_536),
    patchSize: vision.integer('patch_size', 1, 256),
    spatialMergeSize: vision.integer('spatial_merge_size', 1, 16),
    temporalPatchSize: vision.integer('temporal_patch_size', 1, 16),
    // The Hub's in_chans is not what transformers reads; both say 3 wherever they occur.
    inChannels: vision.optionalInteger('in_channels', 3, 3) ?? vision.optionalInteger('in_chans', 3, 3) ?? 3,
    windowSize: vision.integer('window_size', 1, 65_536),
    fullattBlockIndexes: vision.integers('fullatt_block_indexes', 0, 1023),
    tokensPerSecond: vision.integer('tokens_per_second', 1, 1000),
  }
  const { hiddenSize, numHeads, outHiddenSize, windowSize, spatialMergeSize, patchSize } = config
  // Rows and columns each rotate half of a head, in pairs.
  if (hiddenSize % (numHeads * 4) !== 0) {
    throw vision.error('hidden_size', `expected a multiple of 4 × num_heads ${numHeads} but found ${hiddenSize}`)
  }
  if (outHiddenSize !== outputSize) {
    throw vision.error('out_hidden_size', `expected the decoder's hidden_size ${outputSize} but found ${outHiddenSize}`)
  }
  if (windowSize < spatialMergeSize * patchSize) {
    throw vision.error(
      'window_size',
      `expected at least one merged patch (${spatialMergeSize * patchSize} pixels) but found ${windowSize}`,
    )
  }
  const activation = vision.find('hidden_act')
  if (activation !== 'silu') throw vision.error('hidden_act', `expected 'silu' but found ${shown(activation)}`)
  return config
}
