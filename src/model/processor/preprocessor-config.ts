import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../../check.ts'
import { type JsonObject, readJsonObject } from '../../checkpoint/json.ts'
import { error } from '../../errors.ts'

/** How a checkpoint wants its images (or the frames of its videos): sizes in pixels, statistics of values in [0, 1]. */
export interface PreprocessorConfig {
  minPixels: number
  maxPixels: number
  patchSize: number
  temporalPatchSize: number
  mergeSize: number
  rescaleFactor: number
  imageMean: number[]
  imageStd: number[]
}

const side = z.int().min(1)
const pixels = z.number().min(1).nullish()
const channels = z.array(z.number()).length(3)
const bicubic = 3

const Fields = z.object({
  image_processor_type: z.string().nullish(),
  video_processor_type: z.string().nullish(),
  min_pixels: pixels,
  max_pixels: pixels,
  size: z
    .object({ shortest_edge: pixels, longest_edge: pixels, min_pixels: pixels, max_pixels: pixels })
    .partial()
    .nullish(),
  patch_size: side.default(14),
  temporal_patch_size: side.default(2),
  merge_size: side.default(2),
  resample: z.literal(bicubic).nullish(),
  do_resize: z.literal(true).nullish(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().nullish(),
  // of CLIP (arXiv 2103.00020)
  image_mean: channels.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: channels
    .refine((values) => !values.includes(0), 'three numbers other than 0')
    .default([0.26862954, 0.26130258, 0.27577711]),
})

const knownTypes = /^Qwen2(_5_?)?VL(Image|Video)Processor(Fast|Pil)?$/

/**
 * The image and video settings of a checkpoint directory, or `undefined` for a text-only one. Read, as transformers 5 does,
 * from `processor_config.json` where that nests them, else from `preprocessor_config.json` and
 * `video_preprocessor_config.json` (videos fall back to the image settings).
 * `limits` go before what the files say. Throws `ERR_CHECKPOINT_CONFIG` for settings of another kind of model.
 */
export async function readPreprocessorConfig(
  directory: string,
  limits: { minPixels?: number; maxPixels?: number } = {},
): Promise<{ image: PreprocessorConfig; video: PreprocessorConfig } | undefined> {
  const read = (name: string) => readJsonObject(join(directory, name), 'ERR_CHECKPOINT_CONFIG')
  const nested = (await read('processor_config.json')) ?? {}
  const flat = await read('preprocessor_config.json')
  const image = nested.image_processor ?? flat
  if (image === undefined) return undefined
  const video = nested.video_processor ?? (await read('video_preprocessor_config.json')) ?? image
  return { image: parse(image as JsonObject, directory, limits), video: parse(video as JsonObject, directory, limits) }
}

function parse(
  json: JsonObject,
  directory: string,
  limits: { minPixels?: number; maxPixels?: number },
): PreprocessorConfig {
  const name = `the preprocessor config of ${directory}`
  const fields = check(Fields, json, name, 'ERR_CHECKPOINT_CONFIG')
  for (const type of [fields.image_processor_type, fields.video_processor_type]) {
    if (type && !knownTypes.test(type)) {
      throw error('ERR_CHECKPOINT_CONFIG', `Expected a Qwen2VLImageProcessor in ${name} but found ${type}`)
    }
  }
  const { size } = fields
  const stored = {
    minPixels: fields.min_pixels ?? size?.shortest_edge ?? size?.min_pixels ?? 3136,
    maxPixels: fields.max_pixels ?? size?.longest_edge ?? size?.max_pixels ?? 12_845_056,
  }
  // a limit asked for pushes away the stored one that contradicts it
  const maxPixels = limits.maxPixels ?? Math.max(stored.maxPixels, limits.minPixels ?? 0)
  const minPixels = limits.minPixels ?? (limits.maxPixels ? Math.min(stored.minPixels, maxPixels) : stored.minPixels)
  if (minPixels > maxPixels) {
    throw error(
      'ERR_CHECKPOINT_CONFIG',
      `Expected min_pixels ≤ max_pixels in ${name} but found ${minPixels} > ${maxPixels}`,
    )
  }
  return {
    minPixels,
    maxPixels,
    patchSize: fields.patch_size,
    temporalPatchSize: fields.temporal_patch_size,
    mergeSize: fields.merge_size,
    rescaleFactor: fields.do_rescale === false ? 1 : fields.rescale_factor,
    imageMean: fields.do_normalize === false ? [0, 0, 0] : fields.image_mean,
    imageStd: fields.do_normalize === false ? [1, 1, 1] : fields.image_std,
  }
}
