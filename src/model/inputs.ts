import type { ModelConfig } from '../checkpoint/config.ts'
import type { NativeInputs } from '../native.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What the processor makes of a batch of conversations, in the names of transformers. Rows may differ in length: there is no padding. */
export interface Inputs {
  inputIds: number[][]
  /** [patches of all images, channels × temporal × patch × patch] */
  pixelValues?: Tensor
  /** [time, height, width] in patches, one for each image of the batch in order */
  imageGridThw?: number[][]
  pixelValuesVideos?: Tensor
  videoGridThw?: number[][]
  /** Seconds between temporal patches, one for each video. */
  secondPerGridTs?: number[]
}

/** Drops the pixel tensors; the token ids stay readable. */
export function disposeInputs(inputs: Inputs): void {
  inputs.pixelValues?.dispose()
  inputs.pixelValuesVideos?.dispose()
}

export function nativeInputs(inputs: Inputs): NativeInputs {
  return {
    inputIds: inputs.inputIds,
    pixelValues: inputs.pixelValues?.handle,
    imageGridThw: inputs.imageGridThw,
    pixelValuesVideos: inputs.pixelValuesVideos?.handle,
    videoGridThw: inputs.videoGridThw,
    secondPerGridTs: inputs.secondPerGridTs,
  }
}

/** Where the image tokens of a row are. With several images they are not one span. */
export function imagePositions(config: ModelConfig, ids: readonly number[]): number[] {
  return ids.flatMap((id, position) => (id === config.imageTokenId ? [position] : []))
}
