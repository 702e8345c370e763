import { check } from '../../check.ts'
import { error } from '../../errors.ts'
import {
  decodeImage,
  openImage,
  type RgbImage,
  readMetadata,
  requireDecoded,
  requirePixels,
  unreadable,
} from './image.ts'
import { type CheckedImageOptions, ImageOptions, type ImageSource, nameOf, readSource } from './image-source.ts'
import type { SizeOptions, VideoPart } from './messages.ts'
import { roundHalfEven } from './smart-resize.ts'

/** The frames a model sees of a video, all of one size. */
export interface SampledVideo extends SizeOptions {
  frames: RgbImage[]
  /** Frames per second of what was sampled. */
  fps: number
}

/** A patch spans two frames, so files are sampled in even numbers. */
const frameFactor = 2
const defaultFps = 2
const fileLimits = {
  minPixels: 128 * 28 * 28,
  maxPixels: 768 * 28 * 28,
  totalPixels: 90_316_800,
  minFrames: 4,
  maxFrames: 768,
}

/**
 * The frames of a video part. Given frames are taken as they are, at `fps` (default 2); an animated GIF or WebP is sampled, and its
 * frames limited in size, as qwen-vl-utils does with video files.
 * Throws `ERR_IMAGE` for other containers: extract their frames and pass those.
 */
export async function decodeVideo(part: VideoPart, options: ImageOptions = {}, name?: string): Promise<SampledVideo> {
  const checked = check(ImageOptions, options, 'options')
  const { resizedHeight, resizedWidth } = part
  if (Array.isArray(part.video)) {
    const { minPixels, maxPixels, fps = defaultFps } = part
    const frames = await decodeFrames(part.video, options, name ?? 'video')
    return { frames, fps, minPixels, maxPixels, resizedHeight, resizedWidth }
  }
  const called = (name ?? nameOf(part.video)).replace(/^image/, 'video')
  const animation = await openAnimation(await readSource(part.video, checked, called), checked, called)
  const total = animation.delays.length
  const rate = total / (animation.delays.reduce((sum, delay) => sum + delay, 0) / 1000)
  const count = sampledFrames(total, rate, part, called)
  const frames = await animation.frames(frameIndices(total, count))
  return { frames, fps: (count / total) * rate, ...pixelLimits(part, count), resizedHeight, resizedWidth }
}

/**
 * How many of `total` frames at `rate` frames per second to take: `nframes` rounded to an even number, or as many as `fps` asks
 * for (default 2), between `minFrames` and `maxFrames` (default 4 and 768), rounded down to an even number.
 */
export function sampledFrames(
  total: number,
  rate: number,
  part: Pick<VideoPart, 'fps' | 'nframes' | 'minFrames' | 'maxFrames'>,
  name = 'The video',
): number {
  const { fps = defaultFps, nframes, minFrames = fileLimits.minFrames } = part
  const maxFrames = part.maxFrames ?? Math.min(fileLimits.maxFrames, total)
  const count =
    nframes === undefined
      ? toFactor(
          Math.floor,
          Math.min(
            Math.max((total / rate) * fps, toFactor(Math.ceil, minFrames)),
            toFactor(Math.floor, maxFrames),
            total,
          ),
        )
      : toFactor(roundHalfEven, nframes)
  if (count < frameFactor || count > total) {
    throw error(
      'ERR_IMAGE',
      `Cannot sample ${count} frames from ${name}, which has ${total}: expected between ${frameFactor} and ${total}`,
    )
  }
  return count
}

/** `count` of `total` frames, evenly spaced from the first to the last; spacing in float32, as torch.linspace has it. */
export function frameIndices(total: number, count: number): number[] {
  const step = Math.fround((total - 1) / Math.max(count - 1, 1))
  return Array.from({ length: count }, (_, index) => {
    const fromEnd = count - 1 - index
    const position =
      index < Math.floor(count / 2) ? Math.fround(step * index) : Math.fround(total - 1 - Math.fround(step * fromEnd))
    return roundHalfEven(position)
  })
}

function pixelLimits(part: VideoPart, frames: number): { minPixels: number; maxPixels: number } {
  const { minPixels = fileLimits.minPixels, totalPixels = fileLimits.totalPixels } = part
  const share = (totalPixels / frames) * frameFactor
  const most = Math.max(Math.min(fileLimits.maxPixels, share), Math.trunc(minPixels * 1.05))
  return { minPixels, maxPixels: Math.min(part.maxPixels ?? most, most) }
}

function toFactor(round: (value: number) => number, frames: number): number {
  return round(frames / frameFactor) * frameFactor
}

async function decodeFrames(sources: ImageSource[], options: ImageOptions, name: string): Promise<RgbImage[]> {
  const frames = await Promise.all(sources.map((source) => decodeImage(source, options)))
  const { width, height } = frames[0]!
  const other = frames.findIndex((frame) => frame.width !== width || frame.height !== height)
  if (other < 0) return frames
  const { width: otherWidth, height: otherHeight } = frames[other]!
  throw error(
    'ERR_IMAGE',
    `Expected frames of one size for ${name} but frame ${other} is ${otherWidth} × ${otherHeight} and frame 0 is ${width} × ${height}`,
  )
}

interface Animation {
  /** How long each frame is shown, in milliseconds. */
  delays: number[]
  frames(indices: number[]): Promise<RgbImage[]>
}

async function openAnimation(bytes: Uint8Array, options: CheckedImageOptions, name: string): Promise<Animation> {
  const format = requireDecoded(bytes, name)
  const { pages = 1, delay = [], width, height } = await readMetadata(bytes, name)
  if ((format !== 'GIF' && format !== 'WebP') || pages < 2) {
    throw error(
      'ERR_IMAGE',
      `Cannot read ${name} as a video: it is a still ${format}. Pass an animated GIF or WebP, or its frames as an array of images`,
    )
  }
  requirePixels(width * height * pages, options, name)
  // browsers show a frame without a delay for 100 ms
  const delays = Array.from({ length: pages }, (_, page) => delay[page] || 100)
  return {
    delays,
    async frames(indices) {
      try {
        // every frame is drawn over the one before it, so all of them are decoded, one below the other
        const image = await openImage(bytes, { pages: -1, failOn: 'error' })
        const { data } = await image
          .removeAlpha()
          .toColourspace('srgb')
          .raw({ depth: 'uchar' })
          .toBuffer({ resolveWithObject: true })
        const length = width * height * 3
        return indices.map((index) => ({ data: data.subarray(index * length, (index + 1) * length), width, height }))
      } catch (cause) {
        throw unreadable(cause, name)
      }
    },
  }
}
