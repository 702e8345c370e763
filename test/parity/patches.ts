import type { PreprocessorConfig } from '../../src/model/processor/preprocessor-config.ts'
import { readJson } from '../processor/fixture.ts'
import type { Values } from './values.ts'

const channels = 3
const { normalized } = readJson<{ normalized: number[][] }>('resize.json')
/** The byte behind each normalised value of a channel; a value that is not one of the 256 to the bit has none. */
const bytes = normalized.map((values) => new Map(values.map((value, byte) => [value, byte])))

export interface Picture {
  width: number
  height: number
  rgb: Uint8Array
}

/** What transformers makes of each byte in each channel, [3][256]. */
export { normalized }

/** The pictures that pixel values were made of, two for each step of time: patches undone, written apart from cpp/image. */
export function picturesOf(
  pixels: Values,
  grids: readonly (readonly number[])[],
  config: PreprocessorConfig,
): Picture[] {
  const { patchSize: patch, mergeSize: merge, temporalPatchSize: times } = config
  const pictures: Picture[] = []
  let row = 0
  for (const [t, h, w] of grids as [number, number, number][]) {
    for (let step = 0; step < t; step++) {
      const frames = Array.from({ length: times }, () => blank(w * patch, h * patch))
      for (let i = 0; i < h * w; i++, row++) {
        const cell = Math.floor(i / merge ** 2)
        const [cellY, cellX] = [Math.floor(cell / (w / merge)), cell % (w / merge)]
        const top = (cellY * merge + Math.floor((i % merge ** 2) / merge)) * patch
        const left = (cellX * merge + (i % merge)) * patch
        frames.forEach((frame, time) => {
          fill(frame, pixels, { row, top, left, time, times, patch })
        })
      }
      pictures.push(...frames)
    }
  }
  if (row !== pixels.shape[0]) throw new Error(`The grids have ${row} patches but there are ${pixels.shape[0]}`)
  return pictures
}

function blank(width: number, height: number): Picture {
  return { width, height, rgb: new Uint8Array(width * height * channels) }
}

function fill(
  { width, rgb }: Picture,
  { shape, data }: Values,
  { row, top, left, time, times, patch }: Record<'row' | 'top' | 'left' | 'time' | 'times' | 'patch', number>,
): void {
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < patch; y++)
      for (let x = 0; x < patch; x++) {
        const value = data[row * shape[1]! + ((c * times + time) * patch + y) * patch + x]!
        const byte = bytes[c]!.get(value)
        if (byte === undefined) throw new Error(`Pixel value ${value} of patch ${row} belongs to no byte`)
        rgb[((top + y) * width + left + x) * channels + c] = byte
      }
}
