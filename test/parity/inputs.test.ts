import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import { readPreprocessorConfig } from '../../src/model/processor/preprocessor-config.ts'
import { withPaths } from '../processor/fixture.ts'
import { type Case, cases, inputsOf, readTensors } from './cases.ts'
import { fixtureModels } from './models.ts'
import { picturesOf } from './patches.ts'
import { comparison } from './tolerance.ts'
import { columnsOf, take } from './values.ts'

const { record } = comparison('inputs')
const model = fixtureModels()
const pixelTolerance = 1e-6

interface Resized {
  resized: [number, number]
  sha256: string
}

/** Pictures as the patches hold them: a still or an odd last frame fills both places in time. Pictures come before videos. */
function expectedPictures({ messages, pictures }: Case): Resized[] {
  const parts = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content))
  const frames = { image: [] as Resized[], video: [] as Resized[] }
  let next = 0
  for (const part of parts) {
    if (part.type === 'text') continue
    const count = part.type === 'image' ? 1 : (part.video as string[]).length
    const shown = pictures.slice(next, (next += count)).map(({ resized, sha256 }) => ({ resized, sha256 }))
    frames[part.type].push(...shown, ...(count % 2 ? shown.slice(-1) : []))
  }
  expect(next).toBe(pictures.length)
  return [...frames.image, ...frames.video]
}

describe.each(cases)('$name', (known) => {
  test('the text, the token ids and the grids are those of transformers', async () => {
    const { processor } = await model(known.model)
    const options = { addGenerationPrompt: true, addVisionId: known.add_vision_id }
    expect(processor.applyChatTemplate(withPaths(known.messages), options)).toBe(known.text)

    const stored = await readTensors(known.tensors)
    const numbers = (name: string) => stored[name] && [...stored[name].data]
    const inputs = await inputsOf(processor, known)
    expect(inputs.inputIds).toEqual([numbers('input_ids')])
    expect(inputs.imageGridThw?.flat()).toEqual(numbers('image_grid_thw'))
    expect(inputs.videoGridThw?.flat()).toEqual(numbers('video_grid_thw'))
    expect(inputs.secondPerGridTs).toEqual(numbers('second_per_grid_ts'))
    disposeInputs(inputs)
  })

  test('the rotary positions and the windows of attention are those of transformers', async () => {
    const loaded = await model(known.model)
    const stored = await readTensors(known.tensors)
    const inputs = await inputsOf(loaded.processor, known)
    const { logits, positionIds } = await loaded.forward(inputs)
    logits.dispose()
    expect(await take(positionIds)).toEqual(stored.position_ids)
    for (const [kind, grids] of Object.entries({ image: inputs.imageGridThw, video: inputs.videoGridThw })) {
      if (!grids) continue
      expect(loaded.visionLayout(grids)).toEqual({
        windowIndex: [...stored[`${kind}.window_index`]!.data],
        cuWindowSeqlens: [...stored[`${kind}.cu_window_seqlens`]!.data],
      })
    }
    disposeInputs(inputs)
  })
})

const pictured = cases.filter(({ pictures }) => pictures.length > 0)

test.each(pictured)(
  '$name: pictures are resized to the bytes of Pillow and normalised as by transformers',
  async (known) => {
    const { processor, directory } = await model(known.model)
    const stored = await readTensors(known.tensors)
    const config = (await readPreprocessorConfig(directory))!
    const { pixelValues, pixelValuesVideos, imageGridThw, videoGridThw } = await inputsOf(processor, known)
    const shown: Resized[] = []
    for (const [kind, tensor, grids] of [
      ['image', pixelValues, imageGridThw],
      ['video', pixelValuesVideos, videoGridThw],
    ] as const) {
      const expected = stored[kind === 'image' ? 'pixel_values' : 'pixel_values_videos']
      expect(tensor === undefined, kind).toBe(expected === undefined)
      if (!tensor || !expected) continue
      const pixels = await take(tensor)
      const found = columnsOf(pixels, stored.pixel_columns!.data)
      expect(found.shape).toEqual(expected.shape)
      const apart = found.data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i]!)), 0)
      record('pixel values (absolute)', apart)
      expect(apart).toBeLessThanOrEqual(pixelTolerance)
      for (const { width, height, rgb } of picturesOf(pixels, grids!, config[kind]))
        shown.push({ resized: [width, height], sha256: createHash('sha256').update(rgb).digest('hex') })
    }
    expect(shown).toEqual(expectedPictures(known))
  },
)
