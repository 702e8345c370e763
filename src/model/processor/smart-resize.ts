import { z } from 'zod'
import { check } from '../../check.ts'
import { error } from '../../errors.ts'

const Side = z.int().min(1)

const Limits = z
  .strictObject({
    factor: z.int().min(1).default(28),
    minPixels: z.int().min(1).default(3136),
    maxPixels: z.int().min(1).default(12_845_056),
  })
  .refine(({ minPixels, maxPixels }) => minPixels <= maxPixels, 'minPixels ≤ maxPixels')

/** Sides must be multiples of `factor` (patch size × merge size); the area stays between `minPixels` and `maxPixels`. */
export type ResizeLimits = z.input<typeof Limits>

/** Longer side over shorter side; beyond it Qwen2-VL refuses an image. */
const largestSideRatio = 200

/**
 * The size in pixels an image gets before it is cut into patches: sides that are multiples of `factor` (default 28), an
 * area within `minPixels` and `maxPixels` (default 3136 and 12845056), and nearly its own side ratio. An image smaller than
 * `minPixels` is enlarged. `name` is how an error calls the image.
 * Throws `ERR_IMAGE` for a side ratio above 200.
 */
export function smartResize(
  height: number,
  width: number,
  limits: ResizeLimits = {},
  name = 'The image',
): { height: number; width: number } {
  check(Side, height, 'height')
  check(Side, width, 'width')
  const { factor, minPixels, maxPixels } = check(Limits, limits, 'limits')
  const ratio = Math.max(height, width) / Math.min(height, width)
  if (ratio > largestSideRatio) {
    throw error(
      'ERR_IMAGE',
      `${name} is ${width} × ${height} pixels: its sides differ by a factor of ${ratio.toFixed(1)}, and at most ` +
        `${largestSideRatio} is possible. Crop it or pad it.`,
    )
  }
  const rounded = { height: roundHalfEven(height / factor) * factor, width: roundHalfEven(width / factor) * factor }
  if (rounded.height * rounded.width > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels)
    return {
      height: Math.max(factor, Math.floor(height / shrink / factor) * factor),
      width: Math.max(factor, Math.floor(width / shrink / factor) * factor),
    }
  }
  if (rounded.height * rounded.width < minPixels) {
    const enlarge = Math.sqrt(minPixels / (height * width))
    return {
      height: Math.ceil((height * enlarge) / factor) * factor,
      width: Math.ceil((width * enlarge) / factor) * factor,
    }
  }
  return rounded
}

/** Rounds as Python's `round`: a half goes to the even neighbour, so 0.5 → 0 and 1.5 → 2. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}
