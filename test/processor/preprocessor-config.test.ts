import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readPreprocessorConfig } from '../../src/model/processor/preprocessor-config.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'frankentorch-preprocessor-'))
})
afterEach(() => rm(directory, { recursive: true }))

const write = (name: string, content: object) => writeFile(join(directory, `${name}.json`), JSON.stringify(content))
const read = (limits = {}) => readPreprocessorConfig(directory, limits)

test('a directory without settings is text-only', async () => {
  expect(await read()).toBeUndefined()
  // transformers 4 writes this one for every processor
  await write('processor_config', { processor_class: 'Qwen2_5_VLProcessor' })
  expect(await read()).toBeUndefined()
})

test('what the file leaves out is that of Qwen2.5-VL', async () => {
  await write('preprocessor_config', {})
  expect((await read())!.image).toEqual({
    minPixels: 3136,
    maxPixels: 12_845_056,
    patchSize: 14,
    temporalPatchSize: 2,
    mergeSize: 2,
    rescaleFactor: 1 / 255,
    imageMean: [0.48145466, 0.4578275, 0.40821073],
    imageStd: [0.26862954, 0.26130258, 0.27577711],
  })
})

test.each([
  ['the Hub writes', { min_pixels: 784, max_pixels: 50_176 }],
  ['transformers 5 writes', { size: { shortest_edge: 784, longest_edge: 50_176 }, min_pixels: null, max_pixels: null }],
  ['Qwen2-VL had', { size: { min_pixels: 784, max_pixels: 50_176 } }],
  ['both disagree', { min_pixels: 784, max_pixels: 50_176, size: { shortest_edge: 1, longest_edge: 2 } }],
])('limits as %s', async (_, content) => {
  await write('preprocessor_config', content)
  expect((await read())!.image).toMatchObject({ minPixels: 784, maxPixels: 50_176 })
})

test('nested settings go before files of their own, and videos fall back to the image settings', async () => {
  await write('preprocessor_config', { max_pixels: 10_000 })
  expect(await read()).toMatchObject({ image: { maxPixels: 10_000 }, video: { maxPixels: 10_000 } })
  await write('video_preprocessor_config', { max_pixels: 20_000 })
  expect(await read()).toMatchObject({ image: { maxPixels: 10_000 }, video: { maxPixels: 20_000 } })
  await write('processor_config', { image_processor: { max_pixels: 30_000 }, video_processor: { max_pixels: 40_000 } })
  expect(await read()).toMatchObject({ image: { maxPixels: 30_000 }, video: { maxPixels: 40_000 } })
})

test('limits asked for push away stored ones that contradict them', async () => {
  await write('preprocessor_config', {})
  expect((await read({ maxPixels: 784 }))!.image).toMatchObject({ minPixels: 784, maxPixels: 784 })
  expect((await read({ minPixels: 20_000_000 }))!.video).toMatchObject({ minPixels: 20_000_000, maxPixels: 20_000_000 })
})

test('rescaling and normalising can be off', async () => {
  await write('preprocessor_config', { do_rescale: false, do_normalize: false })
  expect((await read())!.image).toMatchObject({ rescaleFactor: 1, imageMean: [0, 0, 0], imageStd: [1, 1, 1] })
})

test.each([
  [{ image_processor_type: 'CLIPImageProcessor' }, 'Expected a Qwen2VLImageProcessor'],
  [{ resample: 2 }, 'Expected 3 for'],
  [{ do_resize: false }, 'do_resize'],
  [{ image_mean: [0.5] }, 'image_mean'],
  [{ image_std: [1, 0, 1] }, 'image_std'],
  [{ patch_size: 0 }, 'patch_size'],
  [{ min_pixels: 10, max_pixels: 5 }, 'Expected min_pixels ≤ max_pixels'],
])('settings that cannot be followed are ERR_CHECKPOINT_CONFIG: %j', async (content, words) => {
  await write('preprocessor_config', content)
  await expect(read()).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_CONFIG', message: expect.stringContaining(words) })
})

test('a file that is not JSON is named', async () => {
  await writeFile(join(directory, 'preprocessor_config.json'), '{')
  await expect(read()).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT_CONFIG',
    message: expect.stringContaining('preprocessor_config.json'),
  })
})
