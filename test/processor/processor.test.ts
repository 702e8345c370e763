import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Inputs } from '../../src/model/inputs.ts'
import { disposeInputs } from '../../src/model/inputs.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { createProcessor, type Processor } from '../../src/model/processor/processor.ts'
import { processVisionInfo } from '../../src/model/processor/vision-info.ts'
import { memory, type Tensor } from '../../src/tensor/tensor.ts'
import { cases, fixture, readTensor, withPaths } from './fixture.ts'

const processors = new Map<string, Promise<Processor>>()

function processorOf(model: string): Promise<Processor> {
  const known = processors.get(model) ?? createProcessor(fixture(`models/${model}`))
  processors.set(model, known)
  return known
}

const photo = fixture('images/photo.png')
const ask = (...content: object[]) => [{ role: 'user', content }] as Message[]
const image = (options: object = {}) => ({ type: 'image', image: photo, ...options })
const text = (value: string) => ({ type: 'text', text: value })

/** Rows of the recorded columns of a pixel tensor. */
async function columnsOf(pixels: Tensor, columns: readonly number[]): Promise<number[]> {
  const width = pixels.shape[1]!
  const data = (await pixels.data()) as Float32Array
  return Array.from({ length: pixels.shape[0]! }, (_, row) =>
    columns.map((column) => data[row * width + column]!),
  ).flat()
}

async function expectPixels(pixels: Tensor | undefined, file: string, name: string) {
  const recorded = await readTensor(file, name)
  expect(pixels === undefined).toBe(recorded === undefined)
  if (!pixels || !recorded) return
  const columns = await readTensor(file, 'pixel_columns')
  const got = await columnsOf(pixels, columns!.data)
  expect(got.length).toBe(recorded.data.length)
  expect(Math.max(...got.map((value, i) => Math.abs(value - recorded.data[i]!)))).toBeLessThanOrEqual(1e-6)
}

async function listOf(file: string, name: string): Promise<number[] | undefined> {
  return (await readTensor(file, name))?.data
}

describe.each(cases)(
  'case %s: what transformers 5.17 makes of the same messages',
  (_, { model, messages, add_vision_id, tensors }) => {
    let inputs: Inputs
    beforeAll(async () => {
      inputs = await (await processorOf(model)).prepare(withPaths(messages), { addVisionId: add_vision_id })
    })
    afterAll(() => disposeInputs(inputs))

    test('token ids and grids are equal', async () => {
      expect(inputs.inputIds[0]).toEqual(await listOf(tensors, 'input_ids'))
      expect(inputs.imageGridThw?.flat()).toEqual(await listOf(tensors, 'image_grid_thw'))
      expect(inputs.videoGridThw?.flat()).toEqual(await listOf(tensors, 'video_grid_thw'))
      expect(inputs.secondPerGridTs).toEqual(await listOf(tensors, 'second_per_grid_ts'))
    })

    test('pixels are equal to 1e-6', async () => {
      await expectPixels(inputs.pixelValues, tensors, 'pixel_values')
      await expectPixels(inputs.pixelValuesVideos, tensors, 'pixel_values_videos')
    })
  },
)

describe('the steps of the Quick Start', () => {
  test('make the same inputs as prepare, and batchDecode turns ids into the text', async () => {
    const processor = await processorOf('hub-tied')
    const messages = ask(image(), text('What is this?'), { type: 'video', video: [photo, photo], fps: 1 })
    const prompt = processor.applyChatTemplate(messages, { addGenerationPrompt: true })
    const { images, videos } = await processVisionInfo(messages)
    const inputs = await processor({ text: [prompt], images, videos })
    const prepared = await processor.prepare(messages)
    const { pixelValues, pixelValuesVideos, ...rest } = prepared
    expect(inputs).toMatchObject(rest)
    expect(await inputs.pixelValues!.data()).toEqual(await pixelValues!.data())
    expect(await inputs.pixelValuesVideos!.data()).toEqual(await pixelValuesVideos!.data())
    expect(prepared.secondPerGridTs).toEqual([2])

    expect(processor.batchDecode(inputs.inputIds)[0]).toMatch(
      /^<\|im_start\|>system\n.*(<\|image_pad\|>){12}.*assistant\n$/s,
    )
    expect(processor.batchDecode([[72, 105, 258], [33]], { skipSpecialTokens: true })).toEqual(['Hi', '!'])
  })

  test('a batch keeps its images in the order of its texts, and its rows unpadded', async () => {
    const processor = await processorOf('hub-tied')
    const strip = fixture('images/strip.png')
    const one = ask(text('No image here.'))
    const two = ask(image(), text(' and '), image({ image: strip }))
    const inputs = await processor.prepare([one, two])
    expect(inputs.inputIds.map((row) => row.filter((id) => id === 268).length)).toEqual([0, 12 + 12])
    expect(inputs.imageGridThw).toEqual([
      [1, 6, 8],
      [1, 24, 2],
    ])
    expect(inputs.pixelValues!.shape).toEqual([48 + 48, 1176])
  })

  test('images may be given as sources', async () => {
    const processor = await processorOf('hub-tied')
    const prompt = processor.applyChatTemplate(ask(image()))
    const inputs = await processor({ text: prompt, images: [photo] })
    expect(inputs.imageGridThw).toEqual([[1, 6, 8]])
  })
})

describe('sizes', () => {
  const gridFor = async (options: object, model = processorOf('hub-tied')) => {
    const inputs = await (await model).prepare(ask(image(options)))
    return inputs.imageGridThw![0]
  }

  test.each([
    ['fewer pixels', { max_pixels: 3136 }, [1, 2, 4]],
    ['fewer pixels than the checkpoint allows', { maxPixels: 784 }, [1, 2, 2]],
    ['more pixels', { minPixels: 50_000 }, [1, 14, 20]],
    ['a size', { resizedHeight: 60, resizedWidth: 170 }, [1, 4, 12]],
  ])('a message may ask for %s', async (_, options, grid) => {
    expect(await gridFor(options)).toEqual(grid)
  })

  test('limits given to createProcessor hold for images that name none', async () => {
    const processor = createProcessor(fixture('models/hub-tied'), { maxPixels: 3136 })
    expect(await gridFor({}, processor)).toEqual([1, 2, 4])
    expect(await gridFor({ maxPixels: 12_845_056 }, processor)).toEqual([1, 6, 8])
  })

  test('a side ratio above 200 names the image', async () => {
    const thread = { data: new Uint8Array(201 * 3), width: 201, height: 1, channels: 3 }
    await expect(gridFor({ image: thread })).rejects.toMatchObject({
      code: 'ERR_IMAGE',
      message: expect.stringContaining(
        'raw image of 201 × 1 pixels is 201 × 1 pixels: its sides differ by a factor of 201.0',
      ),
    })
  })
})

describe('what does not fit together', () => {
  const failure = (code: string, words: string) => ({ code, message: expect.stringContaining(words) })

  test('a text that spells out a pad counts as one: both counts are named', async () => {
    const processor = await processorOf('hub-tied')
    await expect(processor.prepare(ask(image(), text('What does <|image_pad|> mean?')))).rejects.toMatchObject(
      failure('ERR_MESSAGES', 'Expected one <|image_pad|> in the text for each image but found 2 for 1 image'),
    )
    await expect(processor.prepare(ask(text('<|video_pad|>')))).rejects.toMatchObject(
      failure('ERR_MESSAGES', 'found 1 for 0 videos'),
    )
    await expect(processor({ text: 'no room', images: [photo] })).rejects.toMatchObject(
      failure('ERR_MESSAGES', 'found 0 for 1 image'),
    )
  })

  test('images for a text-only model', async () => {
    const processor = await processorOf('qwen2-text')
    await expect(processor.prepare(ask(image()))).rejects.toMatchObject(
      failure('ERR_MESSAGES', 'its model is text-only'),
    )
    expect((await processor.prepare(ask(text('Hi')))).pixelValues).toBeUndefined()
  })

  test('a checkpoint without a tokenizer', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'frankentorch-processor-'))
    await cp(fixture('models/hub-tied/preprocessor_config.json'), join(directory, 'preprocessor_config.json'))
    await expect(createProcessor(directory)).rejects.toMatchObject(failure('ERR_TOKENIZER', 'has no tokenizer.json'))
    await rm(directory, { recursive: true })
  })

  test.each<[string, object, string, string]>([
    ['no text', {}, 'ERR_INVALID_ARGUMENT', 'request.text'],
    ['an unknown key', { text: 'Hi', image: photo }, 'ERR_UNKNOWN_OPTION', "'image'"],
    ['an image that is none', { text: 'Hi', images: [7] }, 'ERR_IMAGE', 'but received 7'],
    [
      'decoded pixels of the wrong length',
      { text: 'Hi', images: [{ data: new Uint8Array(5), width: 2, height: 1 }] },
      'ERR_IMAGE',
      '1 × 2 × 3 bytes',
    ],
    [
      'a video without frames',
      { text: 'Hi', videos: [{ frames: [], fps: 2 }] },
      'ERR_INVALID_ARGUMENT',
      'request.videos[0]',
    ],
    [
      'a video without a rate',
      { text: 'Hi', videos: [{ frames: [{ data: new Uint8Array(3), width: 1, height: 1 }] }] },
      'ERR_INVALID_ARGUMENT',
      'request.videos[0].fps',
    ],
  ])('%s', async (_, request, code, words) => {
    const processor = await processorOf('hub-tied')
    await expect(processor(request as never)).rejects.toMatchObject(failure(code, words))
  })

  test('a signal stops the download of an image', async () => {
    const processor = await processorOf('hub-tied')
    const messages = ask(image({ image: 'http://127.0.0.1:1/x.png' }))
    await expect(processor.prepare(messages, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    })
  })
})

test('disposing inputs frees their pixels', async () => {
  const processor = await processorOf('hub-tied')
  const inputs = await processor.prepare(ask(image()))
  // Read on either side of one call: what earlier tests left behind is collected whenever the collector likes.
  const held = memory()
  disposeInputs(inputs)
  const left = memory()
  expect([held.tensors - left.tensors, held.bytes - left.bytes]).toEqual([1, 48 * 1176 * 4])
  await expect(inputs.pixelValues!.data()).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
})

test('pixels are copied at the call: a caller may overwrite its buffer at once', async () => {
  const processor = await processorOf('hub-tied')
  const prompt = processor.applyChatTemplate(ask(image()))
  const { images } = await processVisionInfo(ask(image()))
  const expected = await (await processor({ text: prompt, images })).pixelValues!.data()
  const { native } = await import('../../src/native.ts')
  const config = { patchSize: 14, temporalPatchSize: 2, mergeSize: 2, rescaleFactor: 1 / 255 }
  const statistics = { imageMean: [0.48145466, 0.4578275, 0.40821073], imageStd: [0.26862954, 0.26130258, 0.27577711] }
  const work = native().preprocessImages([{ frames: images, height: 84, width: 112 }], { ...config, ...statistics })
  images[0]!.data.fill(0)
  expect(await native().tensorData((await work).handle)).toEqual(expected)
})
