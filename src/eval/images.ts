import { decodeImage } from '../model/processor/image.ts'
import type { ImageSource, RawImage } from '../model/processor/image-source.ts'
import { resizeImage } from '../model/processor/resize.ts'

/** Images of more pixels are shrunk before a model sees them. */
export const defaultMaxPixels = 1280 * 720

/**
 * An image as the evaluation shows it: with more than `maxPixels` pixels shrunk to about so many by Pillow's LANCZOS, sides truncated as the
 * published code does. Small images are left to the processor, which enlarges what is under 28 pixels.
 */
export async function shownImage(source: ImageSource, maxPixels: number, signal?: AbortSignal): Promise<RawImage> {
  const image = await decodeImage(source, { signal })
  const scale = Math.sqrt(maxPixels / (image.width * image.height))
  if (scale >= 1) return { ...image, channels: 3 }
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.trunc(side * scale)))
  const shrunk = await resizeImage(image, { width: width!, height: height!, filter: 'lanczos' })
  return { ...shrunk, channels: 3 }
}

/** An all-black image of the same size. */
export function blackened({ width, height }: RawImage): RawImage {
  return { data: new Uint8Array(width * height * 3), width, height, channels: 3 }
}
