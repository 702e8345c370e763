import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { decodeImage } from '../../src/model/processor/image.ts'
import { fixture, readJson } from './fixture.ts'

interface Decoded {
  name: string
  file: string
  width: number
  height: number
  rgb: string
}

const pillow = readJson<{ decoded: Decoded[]; refused: { name: string; file: string }[] }>('processor/pillow.json')
const fromBase64 = (text: string) => Buffer.from(text, 'base64')

test.each(pillow.decoded)(
  "$name: the pixels are those of Pillow's convert('RGB')",
  async ({ file, width, height, rgb }) => {
    const image = await decodeImage(fromBase64(file))
    expect([image.width, image.height]).toEqual([width, height])
    expect(Buffer.compare(image.data, fromBase64(rgb))).toBe(0)
  },
)

test.each(pillow.refused)('$name is refused by name', async ({ name, file }) => {
  await expect(decodeImage(fromBase64(file))).rejects.toMatchObject({
    code: 'ERR_IMAGE',
    message: expect.stringContaining(name),
  })
})

const pictures = Object.entries(readJson<{ files: Record<string, { sha256: string }> }>('resize.json').files)

test.each(pictures)('%s decodes to the pixels that transformers saw', async (name, { sha256 }) => {
  const { data } = await decodeImage(fixture(`images/${name}`))
  expect(createHash('sha256').update(data).digest('hex')).toBe(sha256)
})

describe('one image from every kind of source', () => {
  const path = fixture('images/photo.png')

  test.each([
    ['a file: URL', async () => pathToFileURL(path).href],
    ['a URL object', async () => pathToFileURL(path)],
    ['a Buffer', () => readFile(path)],
    ['a view into a larger buffer', async () => Buffer.concat([Buffer.alloc(7), await readFile(path)]).subarray(7)],
    ['a data: URL', async () => `data:image/png;base64,${(await readFile(path)).toString('base64')}`],
    [
      'a data: URL in lines',
      async () => `data:image/png;base64,${(await readFile(path)).toString('base64').replace(/.{60}/g, '$&\n')}`,
    ],
    [
      'a percent-encoded data: URL',
      async () => `data:image/png,${(await readFile(path)).toString('hex').replace(/../g, '%$&')}`,
    ],
    ['raw RGB', async () => ({ ...(await decodeImage(path)), channels: 3 as const })],
  ])('%s', async (_, source) => {
    const { data, width, height } = await decodeImage(await source())
    expect([width, height]).toEqual([100, 75])
    expect(Buffer.compare(data, (await decodeImage(path)).data)).toBe(0)
  })

  test('raw pixels lose alpha and spread grey', async () => {
    const raw = (channels: 1 | 2 | 4, ...data: number[]) =>
      decodeImage({ data: Uint8Array.from(data), width: 2, height: 1, channels })
    expect([...(await raw(4, 1, 2, 3, 0, 4, 5, 6, 255)).data]).toEqual([1, 2, 3, 4, 5, 6])
    expect([...(await raw(1, 7, 9)).data]).toEqual([7, 7, 7, 9, 9, 9])
    expect([...(await raw(2, 7, 0, 9, 255)).data]).toEqual([7, 7, 7, 9, 9, 9])
  })
})

describe('what cannot be read is ERR_IMAGE that names it', () => {
  const truncated = async (format: 'png' | 'jpeg' | 'webp' | 'gif') => {
    const noise = {
      width: 64,
      height: 64,
      channels: 3 as const,
      noise: { type: 'gaussian' as const, mean: 128, sigma: 50 },
      background: 'red',
    }
    const bytes = await sharp({ create: noise }).toFormat(format).toBuffer()
    return bytes.subarray(0, bytes.length >> 1)
  }
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
  const mp4 = Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0', 'latin1')

  test.each<[string, () => unknown, string]>([
    ['a missing file', () => 'no/such.png', "Cannot read image 'no/such.png': no such file"],
    ['a directory', () => fixture('images'), 'it is a directory'],
    ['half a PNG', () => truncated('png'), 'Cannot read image of'],
    ['half a JPEG', () => truncated('jpeg'), 'is the file complete?'],
    ['half a WebP', () => truncated('webp'), 'is the file complete?'],
    ['half a GIF', () => truncated('gif'), 'is the file complete?'],
    ['an empty buffer', () => Buffer.alloc(0), 'it is empty'],
    ['text', () => Buffer.from('hello'), 'found an unknown format'],
    ['SVG', () => Buffer.from(svg), 'found SVG'],
    ['an HTML page', () => Buffer.from('<!DOCTYPE html><p>404'), 'found HTML'],
    ['a video', () => mp4, 'it is a MP4 or QuickTime video, which is not decoded here. Extract its frames'],
    ['a data: URL without data', () => 'data:image/png;base64', 'needs a comma'],
    ['a data: URL that is not base64', () => 'data:image/png;base64,???', 'not base64'],
    ['a broken escape', () => 'data:image/png,%zz', 'broken % escape'],
    ['a bare base64 string', () => 'iVBORw0KGgo'.repeat(1000), 'needs the prefix data:image/png;base64,'],
    ['a number', () => 7, 'but received 7'],
    [
      'raw pixels with 5 channels',
      () => ({ data: new Uint8Array(5), width: 1, height: 1, channels: 5 }),
      'source.channels but received 5',
    ],
    [
      'raw pixels of the wrong length',
      () => ({ data: new Uint8Array(5), width: 2, height: 1, channels: 3 }),
      'expected 2 × 1 × 3 = 6 bytes but received 5',
    ],
  ])('%s', async (_, source, words) => {
    await expect(decodeImage((await source()) as string)).rejects.toMatchObject({
      code: 'ERR_IMAGE',
      message: expect.stringContaining(words),
    })
  })

  test('an image of more pixels than allowed is refused before it is unpacked', async () => {
    const path = fixture('images/photo.png')
    await expect(decodeImage(path, { maxDecodedPixels: 7499 })).rejects.toMatchObject({
      code: 'ERR_IMAGE',
      message: expect.stringContaining('7500 pixels'),
    })
    await expect(decodeImage(path, { maxDecodedPixels: 7500 })).resolves.toMatchObject({ width: 100, height: 75 })
  })

  test('a kind of source that is not allowed is not touched', async () => {
    await expect(decodeImage('photo.png', { sources: ['data', 'memory'] })).rejects.toMatchObject({
      code: 'ERR_IMAGE',
      message: expect.stringContaining('received one from path (option sources)'),
    })
  })
})
