import { describe, expect, test } from 'vitest'
import { disposeInputs, type Inputs } from '../../src/model/inputs.ts'
import { caseNamed, cases, inputsOf, readTensors } from './cases.ts'
import { fixtureModels } from './models.ts'
import { comparison, inPrecision, precisions } from './tolerance.ts'
import { matrix, rowsOf, takeOutput, type Values } from './values.ts'

const { expectClose } = comparison('vision-tower')
const model = fixtureModels()
const withBlocks = cases.filter(({ name }) => ['square', 'large', 'frames', 'v5-large'].includes(name))

describe.each(precisions)('in %s', (precision) => {
  test.each(withBlocks)('$name: patches, every block and the merger are those of transformers', async (known) => {
    const loaded = await model(known.model, precision)
    const stored = await readTensors(known.tensors)
    const expected = (name: string) => stored[inPrecision(name, precision)]!
    const inputs = await inputsOf(loaded.processor, known)
    const capture = ['visual.patch_embed', 'visual.blocks.*', 'visual.merger']
    const { points } = await takeOutput(await loaded.forward(inputs, { capture }))

    const rows = stored.block_rows!.data
    const patches = rowsOf(points['visual.patch_embed']!, rows)
    expectClose('patch_embed', patches, expected('visual.patch_embed'), precision)
    expect(expected('visual.blocks').shape[0]).toBe(loaded.config.vision!.depth)
    for (let i = 0; i < loaded.config.vision!.depth; i++) {
      const block = rowsOf(points[`visual.blocks.${i}`]!, rows)
      expectClose('blocks', block, matrix(expected('visual.blocks'), i), precision, `${i}`)
    }
    const merged = rowsOf(points['visual.merger']!, stored.vision_rows!.data)
    expectClose('merger', merged, expected('visual.merger'), precision)
    disposeInputs(inputs)
  })
})

test('v5-mixed: of pictures and videos, captures of the tower hold both, pictures first', async () => {
  const known = caseNamed('v5-mixed')
  const loaded = await model(known.model)
  const { pixelValues, imageGridThw, pixelValuesVideos, videoGridThw, ...text } = await inputsOf(
    loaded.processor,
    known,
  )
  const merged = async (inputs: Inputs): Promise<Values> => {
    const { points } = await takeOutput(await loaded.forward(inputs, { capture: ['visual.merger'] }))
    return points['visual.merger']!
  }
  const ids = text.inputIds[0]!
  const [pictures, videos] = [
    { inputIds: [ids.filter((id) => id !== loaded.config.videoTokenId)], pixelValues, imageGridThw },
    { ...text, inputIds: [ids.filter((id) => id !== loaded.config.imageTokenId)], pixelValuesVideos, videoGridThw },
  ]
  const both = await merged({ ...text, pixelValues, imageGridThw, pixelValuesVideos, videoGridThw })
  const [first, second] = [await merged(pictures), await merged(videos)]
  expect([...both.data]).toEqual([...first.data, ...second.data])
  disposeInputs({ ...text, pixelValues, pixelValuesVideos })
})
