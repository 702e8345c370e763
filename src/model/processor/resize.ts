import { z } from 'zod'
import { check } from '../../check.ts'
import { native } from '../../native.ts'
import type { RgbImage } from './image.ts'

const ResizeOptions = z.strictObject({
  width: z.int().min(1),
  height: z.int().min(1),
  filter: z.enum(['bicubic', 'lanczos']).default('bicubic'),
})
export type ResizeOptions = z.input<typeof ResizeOptions>

/**
 * The image at another size in pixels, byte for byte as Pillow's `resize` with `BICUBIC` (default) or `LANCZOS` makes it.
 * Runs on a thread of the pool. Throws `ERR_IMAGE` when `image.data` is not [height, width, 3].
 */
export async function resizeImage(image: RgbImage, options: ResizeOptions): Promise<RgbImage> {
  const { width, height, filter } = check(ResizeOptions, options)
  return { data: await native().resizeImage(image, width, height, filter), width, height }
}
