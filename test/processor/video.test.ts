import sharp from 'sharp'
import { expect, test } from 'vitest'
import { decodeVideo, frameIndices, sampledFrames } from '../../src/model/processor/video.ts'
import { fixture } from './fixture.ts'

const width = 8
const height = 6

/** An animation whose n-th frame is grey level 10 n, each shown for `delay` ms. */
async function animation(frames: number, format: 'gif' | 'webp', delay = 100): Promise<Buffer> {
  const levels = Array.from({ length: frames }, (_, n) => Buffer.alloc(width * height * 3, n * 10))
  const raw = { width, height: height * frames, channels: 3 as const, pageHeight: height }
  const image = sharp(Buffer.concat(levels), { raw })
  const delays = new Array<number>(frames).fill(delay)
  return format === 'gif'
    ? image.gif({ delay: delays }).toBuffer()
    : image.webp({ lossless: true, delay: delays }).toBuffer()
}

const failure = (words: string) => ({ code: 'ERR_IMAGE', message: expect.stringContaining(words) })

test('given frames stay as they are, at two a second unless said otherwise', async () => {
  const frames = [0, 1, 2].map((n) => fixture(`images/frame-${n}.png`))
  const video = await decodeVideo({ type: 'video', video: frames, maxPixels: 5000 })
  expect(video).toMatchObject({ fps: 2, maxPixels: 5000 })
  expect(video.frames.map((frame) => [frame.width, frame.height])).toEqual([
    [90, 60],
    [90, 60],
    [90, 60],
  ])
  expect((await decodeVideo({ type: 'video', video: frames, fps: 0.5 })).fps).toBe(0.5)
})

test('frames of different sizes are no video', async () => {
  const video = [fixture('images/frame-0.png'), fixture('images/photo.png')]
  await expect(decodeVideo({ type: 'video', video })).rejects.toMatchObject(
    failure('frame 1 is 100 × 75 and frame 0 is 90 × 60'),
  )
})

test.each(['gif', 'webp'] as const)(
  'an animated %s is sampled: frames spread from first to last, at the rate they come to',
  async (format) => {
    // 20 frames at 10 a second; 2 a second ask for 4 of them
    const { frames, ...rest } = await decodeVideo({ type: 'video', video: await animation(20, format) })
    expect(frames.map(({ data }) => data[0])).toEqual([0, 60, 130, 190])
    expect(frames.every((frame) => frame.data.length === width * height * 3)).toBe(true)
    // limits of qwen-vl-utils for the frames of a file
    expect(rest).toMatchObject({ fps: 2, minPixels: 100_352, maxPixels: 602_112 })
  },
)

test('nframes, fps and the bounds of a part decide how much is sampled', async () => {
  const video = await animation(20, 'webp')
  const sampled = async (options: object) => {
    const { frames, fps } = await decodeVideo({ type: 'video', video, ...options })
    return [frames.length, fps]
  }
  expect(await sampled({ nframes: 10 })).toEqual([10, 5])
  expect(await sampled({ fps: 5 })).toEqual([10, 5])
  expect(await sampled({ fps: 100 })).toEqual([20, 10])
  expect(await sampled({ fps: 5, maxFrames: 6 })).toEqual([6, 3])
  expect(await sampled({ fps: 0.1, minFrames: 2 })).toEqual([2, 1])
})

test('the frames of a long file share the pixels of the whole', async () => {
  const part = { type: 'video' as const, video: await animation(20, 'webp'), nframes: 20 }
  expect(await decodeVideo({ ...part, totalPixels: 2_000_000 })).toMatchObject({
    minPixels: 100_352,
    maxPixels: 200_000,
  })
  expect(await decodeVideo({ ...part, totalPixels: 2_000_000, maxPixels: 150_000 })).toMatchObject({
    maxPixels: 150_000,
  })
  expect(await decodeVideo({ ...part, totalPixels: 20 })).toMatchObject({ maxPixels: 105_369 })
})

test.each([
  // total, rate, options, expected by the formula of qwen-vl-utils
  [300, 30, {}, 20],
  [300, 29.97, { fps: 1 }, 10],
  [6, 30, {}, 4],
  [5, 30, { fps: 30 }, 4],
  [100_000, 30, {}, 768],
  [300, 30, { nframes: 7 }, 8],
  [300, 30, { nframes: 5 }, 4],
])('of %i frames at %f a second, %j takes %i', (total, rate, options, frames) => {
  expect(sampledFrames(total, rate, options)).toBe(frames)
})

test.each([
  [1, {}],
  [10, { nframes: 12 }],
  [10, { nframes: 1 }],
])('of %i frames, %j cannot be sampled', (total, options) => {
  expect(() => sampledFrames(total, 10, options, "video 'a.gif'")).toThrowError(
    expect.objectContaining(failure(`from video 'a.gif', which has ${total}`)),
  )
})

test('indices are those of torch.linspace(0, total - 1, count).round()', () => {
  expect(frameIndices(20, 4)).toEqual([0, 6, 13, 19])
  expect(frameIndices(30, 23)).toEqual([
    0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25, 26, 28, 29,
  ])
  expect(frameIndices(2, 2)).toEqual([0, 1])
})

test('what is no animation is refused with the way out', async () => {
  const still = decodeVideo({ type: 'video', video: fixture('images/photo.png') })
  await expect(still).rejects.toMatchObject(failure('it is a still PNG. Pass an animated GIF or WebP, or its frames'))
  const mp4 = Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0', 'latin1')
  await expect(decodeVideo({ type: 'video', video: mp4 })).rejects.toMatchObject(failure('Extract its frames'))
  await expect(decodeVideo({ type: 'video', video: 'no/such.gif' })).rejects.toMatchObject(
    failure("video 'no/such.gif': no such file"),
  )
  const whole = await animation(20, 'webp')
  const cut = whole.subarray(0, whole.length >> 1)
  await expect(decodeVideo({ type: 'video', video: cut })).rejects.toMatchObject({ code: 'ERR_IMAGE' })
})

test('an animation of more pixels than allowed is refused before it is unpacked', async () => {
  const video = await animation(20, 'gif')
  await expect(decodeVideo({ type: 'video', video }, { maxDecodedPixels: 959 })).rejects.toMatchObject(
    failure('960 pixels'),
  )
})
