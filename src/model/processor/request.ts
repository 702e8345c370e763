import { z } from 'zod'
import { check, expected } from '../../check.ts'
import { decodeImage, type RgbImage } from './image.ts'
import { type ImageOptions, ImageSource, nameOf } from './image-source.ts'
import { decodeVideo } from './video.ts'
import type { VisionImage, VisionVideo } from './vision-info.ts'

/** What a processor is called with. */
export interface ProcessorRequest {
  text: string | readonly string[]
  /** As `processVisionInfo` returns them, or sources to decode. */
  images?: readonly (VisionImage | ImageSource)[]
  /** As `processVisionInfo` returns them, or lists of frames. */
  videos?: readonly (VisionVideo | readonly ImageSource[])[]
}

export interface ReadRequest {
  texts: string[]
  images: VisionImage[]
  videos: VisionVideo[]
}

const Request = z.strictObject({
  text: z.union([z.string(), z.array(z.string()).min(1)]),
  images: z.array(z.unknown()).default([]),
  videos: z.array(z.unknown()).default([]),
})

/** The request with everything decoded. Throws `ERR_INVALID_ARGUMENT` for one in another form, `ERR_IMAGE` for a bad source. */
export async function readRequest(request: ProcessorRequest, options: ImageOptions): Promise<ReadRequest> {
  const { text, images, videos } = check(Request, request, 'request')
  const [decodedImages, decodedVideos] = await Promise.all([
    Promise.all(images.map((image) => readImage(image, options))),
    Promise.all(videos.map((video, index) => readVideo(video, options, `request.videos[${index}]`))),
  ])
  return { texts: typeof text === 'string' ? [text] : text, images: decodedImages, videos: decodedVideos }
}

async function readImage(image: unknown, options: ImageOptions): Promise<VisionImage> {
  if (isDecoded(image)) return checkedPixels(image)
  return { ...(await decodeImage(image as ImageSource, options)), name: nameOf(image as ImageSource) }
}

async function readVideo(video: unknown, options: ImageOptions, place: string): Promise<VisionVideo> {
  if (Array.isArray(video) && video.length > 0) {
    return decodeVideo({ type: 'video', video: check(z.array(ImageSource), video, place) }, options, place)
  }
  const given = video as Partial<VisionVideo> | null
  if (typeof given !== 'object' || !Array.isArray(given?.frames) || given.frames.length === 0) {
    throw expected('frames, or a video of processVisionInfo', place, video)
  }
  if (typeof given.fps !== 'number' || !(given.fps > 0)) throw expected('a number > 0', `${place}.fps`, given.fps)
  given.frames.forEach(checkedPixels)
  return given as VisionVideo
}

// Sources that hold pixels say how many channels; what was decoded has three.
function isDecoded(image: unknown): image is VisionImage {
  return typeof image === 'object' && image !== null && 'data' in image && 'width' in image && !('channels' in image)
}

function checkedPixels<Image extends RgbImage>(image: Image): Image {
  const { data, width, height } = image
  if (data instanceof Uint8Array && data.length === width * height * 3) return image
  throw expected(`a Uint8Array of ${height} × ${width} × 3 bytes`, 'image.data', data, 'ERR_IMAGE')
}
