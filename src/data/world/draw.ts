import { colors, type Shape } from './difficulty.ts'
import { dot, glyphHeight, glyphWidth } from './font.ts'
import type { Scene } from './scene.ts'

/** The scene as rows of 8-bit RGB pixels, `size × size × 3` bytes. Integer arithmetic only, so it is the same on every machine. */
export function draw({ size, background, things, texts }: Scene): Uint8Array {
  const pixels = new Uint8Array(size * size * 3).fill(background === 'black' ? 0 : 255)
  for (const { shape, color, x, y, diameter } of things) {
    const covered = coverage(shape, diameter)
    for (let row = 0; row < diameter; row++) {
      for (let column = 0; column < diameter; column++) {
        const at = ((y + row) * size + x + column) * 3
        paint(pixels, at, colors[color], covered[row * diameter + column]!)
      }
    }
  }
  for (const { text, color, x, y, scale } of texts) {
    for (let row = 0; row < glyphHeight * scale; row++) {
      for (let column = 0; column < text.length * (glyphWidth + 1) * scale; column++) {
        const [character, dotX] = divide(Math.floor(column / scale), glyphWidth + 1)
        if (dotX === glyphWidth || !dot(text[character]!, dotX, Math.floor(row / scale))) continue
        paint(pixels, ((y + row) * size + x + column) * 3, colors[color], samples)
      }
    }
  }
  return pixels
}

// 4 × 4 samples a pixel.
const grid = 4
const samples = grid * grid

function paint(pixels: Uint8Array, at: number, color: readonly number[], covered: number): void {
  for (let channel = 0; channel < 3; channel++) {
    pixels[at + channel] = (color[channel]! * covered + pixels[at + channel]! * (samples - covered) + samples / 2) >> 4
  }
}

const coverages = new Map<string, Uint8Array>()

function coverage(shape: Shape, diameter: number): Uint8Array {
  const key = `${shape} ${diameter}`
  const known = coverages.get(key)
  if (known) return known
  const covered = new Uint8Array(diameter * diameter)
  // Coordinates of samples in units of an eighth pixel from the middle: odd or even, never between.
  const radius = grid * diameter
  const middle = (i: number) => 2 * i + 1 - radius
  for (let v = 0; v < radius; v++) {
    for (let u = 0; u < radius; u++) {
      if (!inside[shape](middle(u), middle(v), radius)) continue
      covered[Math.floor(v / grid) * diameter + Math.floor(u / grid)]!++
    }
  }
  coverages.set(key, covered)
  return covered
}

// Whether (x, y) with |x|, |y| < r, y downwards, lies in the shape that fills the square of side 2r.
const inside: Record<Shape, (x: number, y: number, r: number) => boolean> = {
  circle: (x, y, r) => x * x + y * y <= r * r,
  square: () => true,
  triangle: (x, y, r) => 2 * Math.abs(x) <= y + r,
  star: (x, y, r) => insideStar(1000 * x, 1000 * y, r),
  ring: (x, y, r) => x * x + y * y <= r * r && 4 * (x * x + y * y) >= r * r,
  diamond: (x, y, r) => Math.abs(x) + Math.abs(y) <= r,
}

// A five-pointed star of inner radius 0.45, stretched to fill its square, in thousandths of r.
const star = [
  [0, -1000],
  [278, -297],
  [1000, -236],
  [450, 259],
  [618, 1000],
  [0, 603],
  [-618, 1000],
  [-450, 259],
  [-1000, -236],
  [-278, -297],
] as const

// Even-odd rule; the crossing is compared without dividing.
function insideStar(x: number, y: number, r: number): boolean {
  let odd = false
  for (let i = 0; i < star.length; i++) {
    const [x1, y1] = star[i]!
    const [x2, y2] = star[(i + 1) % star.length]!
    if (y1 * r > y === y2 * r > y) continue
    const cross = (x2 - x1) * (y - y1 * r) - (x - x1 * r) * (y2 - y1)
    if (cross > 0 === y2 > y1) odd = !odd
  }
  return odd
}

function divide(dividend: number, divisor: number): [quotient: number, remainder: number] {
  return [Math.floor(dividend / divisor), dividend % divisor]
}
