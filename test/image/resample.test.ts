import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decodeImage } from '../../src/model/processor/image.ts'
import { resizeImage } from '../../src/model/processor/resize.ts'
import { native } from '../../src/native.ts'
import { fixture, readJson } from '../processor/fixture.ts'

interface Recorded {
  resizes: { file: string; width: number; height: number; sha256: string; offsets: number[]; bytes: number[] }[]
  files: Record<string, { resized: [number, number]; resized_sha256: string }>
  normalized: number[][]
}

const recorded = readJson<Recorded>('resize.json')
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
const open = (file: string) => decodeImage(fixture(`images/${file}`))

test.each(recorded.resizes)(
  '$file at $width × $height has the bytes of Pillow',
  async ({ file, width, height, ...pillow }) => {
    const { data } = await resizeImage(await open(file), { width, height })
    expect(pillow.offsets.map((offset) => data[offset])).toEqual(pillow.bytes) // says where, should the sums differ
    expect(sha256(data)).toBe(pillow.sha256)
  },
)

test.each(Object.entries(recorded.files))(
  '%s at the size for the model has the bytes of Pillow',
  async (file, { resized, resized_sha256 }) => {
    const [width, height] = resized
    expect(sha256((await resizeImage(await open(file), { width, height })).data)).toBe(resized_sha256)
  },
)

interface Drawn {
  size: [number, number]
  to: [number, number]
  seed: number
  filter: 'bicubic' | 'lanczos'
  sha256: string
}

/** Noise from the generator that scripts/fixtures_processor.py also has: x ← 1664525 x + 1013904223 mod 2³², highest byte. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

test('noise of 200 sizes, one pixel to hundreds, bicubic and Lanczos, has the bytes of Pillow', async () => {
  for (const { size, to, seed, filter, sha256: expected } of readJson<Drawn[]>('processor/resample.json')) {
    const [width, height] = size
    const image = { data: noise(width * height * 3, seed), width, height }
    const { data } = await resizeImage(image, { width: to[0], height: to[1], filter })
    expect({ size, to, filter, sha256: sha256(data) }).toEqual({ size, to, filter, sha256: expected })
  }
})

describe('patches', () => {
  const options = {
    patchSize: 2,
    temporalPatchSize: 2,
    mergeSize: 2,
    rescaleFactor: 1 / 255,
    imageMean: [0.48145466, 0.4578275, 0.40821073],
    imageStd: [0.26862954, 0.26130258, 0.27577711],
  }
  const patches = async (frames: Uint8Array[], height: number, width: number, changes: object = {}) => {
    const visual = { frames: frames.map((data) => ({ data, width, height })), height, width }
    const tensor = await native().preprocessImages([visual], { ...options, ...changes })
    return { shape: tensor.shape, data: [...((await native().tensorData(tensor.handle)) as Float32Array)] }
  }
  const plain = { rescaleFactor: 1, imageMean: [0, 0, 0], imageStd: [1, 1, 1] }

  test('each level is normalised to the very float of transformers', async () => {
    // 8 × 32 pixels, level n at pixel n in all channels
    const frame = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3))
    const { data } = await patches([frame], 8, 32)
    const levels = await patches([frame], 8, 32, plain)
    const channelOf = (i: number) => Math.floor((i % 24) / 8)
    expect(data).toEqual(levels.data.map((level, i) => recorded.normalized[channelOf(i)]![level]))
  })

  test('rows go block by block of the merger; a row is channel, time, y, x; a last frame without a partner is repeated', async () => {
    // one channel counts the pixels of a frame, one its index, one is constant
    const frame = (index: number) =>
      Uint8Array.from({ length: 4 * 8 * 3 }, (_, i) => [Math.floor(i / 3), index, 200][i % 3]!)
    const { shape, data } = await patches([0, 1, 2].map(frame), 4, 8, plain)
    expect(shape).toEqual([2 * 2 * 4, 3 * 2 * 2 * 2])
    const row = (n: number) => data.slice(n * 24, (n + 1) * 24)
    // pixel y * 8 + x; the first block holds the patches at (0, 0), (0, 2), (2, 0), (2, 2), the second starts at x = 4
    const corners = [0, 2, 16, 18, 4, 6, 20, 22]
    corners.forEach((corner, n) => {
      const pixels = [corner, corner + 1, corner + 8, corner + 9]
      expect(row(n)).toEqual([...pixels, ...pixels, 0, 0, 0, 0, 1, 1, 1, 1, ...Array(8).fill(200)])
      expect(row(8 + n)).toEqual([...pixels, ...pixels, ...Array(8).fill(2), ...Array(8).fill(200)])
    })
  })

  test('pixels of another length than their size and sides that do not divide are errors, not crashes', async () => {
    await expect(patches([new Uint8Array(5)], 4, 4)).rejects.toMatchObject({ code: 'ERR_IMAGE' })
    await expect(patches([new Uint8Array(4 * 6 * 3)], 4, 6)).rejects.toMatchObject({ code: 'ERR_IMAGE' })
    await expect(patches([], 4, 4)).rejects.toMatchObject({ code: 'ERR_IMAGE' })
    const image = { data: new Uint8Array(5), width: 2, height: 1 }
    await expect(resizeImage(image, { width: 4, height: 4 })).rejects.toMatchObject({ code: 'ERR_IMAGE' })
    await expect(resizeImage(image, { width: 0, height: 4 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })
})
