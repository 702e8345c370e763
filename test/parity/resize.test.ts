import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { decodeImage } from '../../src/model/processor/image.ts'
import { pixelValues, targetSize } from '../../src/model/processor/pixels.ts'
import { readPreprocessorConfig } from '../../src/model/processor/preprocessor-config.ts'
import { resizeImage } from '../../src/model/processor/resize.ts'
import { smartResize } from '../../src/model/processor/smart-resize.ts'
import { fixture, readJson } from '../processor/fixture.ts'
import { normalized } from './patches.ts'
import { take } from './values.ts'

interface Resizes {
  resizes: { file: string; width: number; height: number; sha256: string; offsets: number[]; bytes: number[] }[]
  smart_sizes: { width: number; height: number; min_pixels: number; max_pixels: number; resized: number[] }[]
  files: Record<string, { resized: number[]; resized_sha256: string }>
}

const { resizes, smart_sizes, files } = readJson<Resizes>('resize.json')
const picture = (file: string) => decodeImage(fixture(`images/${file}`))
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
const { image: config } = (await readPreprocessorConfig(fixture('models/hub-tied')))!

test.each(resizes)("$file at $width × $height has the bytes of Pillow's bicubic", async (known) => {
  const { file, width, height, offsets, bytes } = known
  const { data } = await resizeImage(await picture(file), { width, height })
  expect(offsets.map((offset) => data[offset])).toEqual(bytes)
  expect(sha256(data)).toBe(known.sha256)
})

test.each(smart_sizes)(
  '$width × $height between $min_pixels and $max_pixels pixels gets the size of transformers',
  (known) => {
    const limits = { minPixels: known.min_pixels, maxPixels: known.max_pixels }
    const { width, height } = smartResize(known.height, known.width, limits)
    expect([width, height]).toEqual(known.resized)
  },
)

test.each(Object.entries(files))('%s gets the size and the bytes that transformers gives it', async (file, known) => {
  const decoded = await picture(file)
  const size = targetSize({ frames: [decoded] }, config)
  expect([size.width, size.height]).toEqual(known.resized)
  expect(sha256((await resizeImage(decoded, size)).data)).toBe(known.resized_sha256)
})

test('every byte of every channel is normalised to the float32 of transformers, to the bit', async () => {
  const side = 28 // the least that makes a grid; 784 pixels hold each byte three times
  const rgb = Uint8Array.from({ length: side * side * 3 }, (_, i) => Math.floor(i / 3) % 256)
  const still = { frames: [{ data: rgb, width: side, height: side }], minPixels: side * side }
  const { data } = await take(await pixelValues([still], config))
  const plane = 14 * 14
  const seen = normalized.map(() => new Set<number>())
  data.forEach((value, i) => {
    const patch = Math.floor(i / (6 * plane))
    const channel = Math.floor((i % (6 * plane)) / (2 * plane))
    const [y, x] = [Math.floor((i % plane) / 14) + 14 * (patch >> 1), (i % 14) + 14 * (patch & 1)]
    const byte = (y * side + x) % 256
    seen[channel]!.add(byte)
    if (!Object.is(value, normalized[channel]![byte]))
      expect(value, `byte ${byte} of channel ${channel}`).toBe(normalized[channel]![byte])
  })
  expect(seen.map(({ size }) => size)).toEqual([256, 256, 256])
})
