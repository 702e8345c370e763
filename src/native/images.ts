import type { NativeTensor } from './tensors.ts'

/** An image (one frame) or a video of 8-bit RGB frames, and the size that they get. */
export interface NativeVisual {
  frames: readonly NativePicture[]
  height: number
  width: number
}

export interface NativePicture {
  data: Uint8Array
  width: number
  height: number
}

export interface NativePatchOptions {
  patchSize: number
  temporalPatchSize: number
  mergeSize: number
  rescaleFactor: number
  imageMean: readonly number[]
  imageStd: readonly number[]
}

/** Pixels. */
export interface ImageCalls {
  preprocessImages(visuals: readonly NativeVisual[], options: NativePatchOptions): Promise<NativeTensor>
  resizeImage(image: NativePicture, width: number, height: number, filter: 'bicubic' | 'lanczos'): Promise<Uint8Array>
}
