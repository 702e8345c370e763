import { native } from '../../native.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { RgbImage } from './image.ts'
import type { SizeOptions } from './messages.ts'
import type { PreprocessorConfig } from './preprocessor-config.ts'
import { smartResize } from './smart-resize.ts'

/** An image (one frame) or a video with what its message says about its size. */
export interface Visual extends SizeOptions {
  frames: readonly RgbImage[]
  /** How errors call it. */
  name?: string
}

/** Patches of a visual: [time, height, width]. */
export function gridOf(visual: Visual, config: PreprocessorConfig): number[] {
  const { height, width } = targetSize(visual, config)
  const { patchSize, temporalPatchSize } = config
  return [Math.ceil(visual.frames.length / temporalPatchSize), height / patchSize, width / patchSize]
}

/**
 * The visuals resized (bicubic, as Pillow), normalised and cut into patches, on a thread of the pool:
 * [patches of all visuals, channels × temporal × patch × patch] float32.
 */
export async function pixelValues(visuals: readonly Visual[], config: PreprocessorConfig): Promise<Tensor> {
  const sized = visuals.map((visual) => ({ frames: visual.frames, ...targetSize(visual, config) }))
  return new Tensor(await native().preprocessImages(sized, config))
}

/**
 * The size a visual gets: what its message asks for goes before the limits of the checkpoint, and where the two contradict
 * each other the latter give way.
 */
export function targetSize(visual: Visual, config: PreprocessorConfig): { height: number; width: number } {
  const { width, height } = visual.frames[0]!
  const maxPixels = visual.maxPixels ?? Math.max(config.maxPixels, visual.minPixels ?? 0)
  const limits = {
    factor: config.patchSize * config.mergeSize,
    minPixels: visual.minPixels ?? Math.min(config.minPixels, maxPixels),
    maxPixels,
  }
  return smartResize(visual.resizedHeight ?? height, visual.resizedWidth ?? width, limits, visual.name)
}
