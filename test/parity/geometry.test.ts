import { expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { readJson } from '../processor/fixture.ts'
import { fixtureModels } from './models.ts'
import { take } from './values.ts'

interface Geometry {
  positions: {
    model: string
    input_ids: number[]
    image_grid_thw: number[][]
    video_grid_thw: number[][]
    second_per_grid_ts: number[]
    position_ids: number[][]
  }[]
  windows: { window_size: number; grid_thw: number[][]; window_index: number[]; cu_window_seqlens: number[] }[]
}

const { positions, windows } = readJson<Geometry>('geometry.json')
const model = fixtureModels()
const patchLength = 3 * 2 * 14 * 14

test.each(positions)(
  'rotary positions of images $image_grid_thw and videos $video_grid_thw every $second_per_grid_ts s',
  async (known) => {
    const loaded = await model(known.model)
    const pixels = { pixelValues: blank(known.image_grid_thw), pixelValuesVideos: blank(known.video_grid_thw) }
    const { logits, positionIds } = await loaded.forward({
      inputIds: [known.input_ids],
      imageGridThw: known.image_grid_thw,
      videoGridThw: known.video_grid_thw,
      secondPerGridTs: known.second_per_grid_ts,
      ...pixels,
    })
    logits.dispose()
    disposeInputs({ inputIds: [], ...pixels })
    expect([...(await take(positionIds)).data]).toEqual(known.position_ids.flat())
  },
)

test.each(windows)('windows of $window_size pixels over grids $grid_thw', async (known) => {
  const loaded = await model(known.window_size === 112 ? 'hub-tied' : 'v5-sharded')
  expect(loaded.config.vision!.windowSize).toBe(known.window_size)
  const { window_index: windowIndex, cu_window_seqlens: cuWindowSeqlens } = known
  expect(loaded.visionLayout(known.grid_thw)).toEqual({ windowIndex, cuWindowSeqlens })
})

// Positions do not look at the pixels.
function blank(grids: number[][]): Tensor | undefined {
  if (grids.length === 0) return undefined
  const patches = grids.reduce((sum, [t, h, w]) => sum + t! * h! * w!, 0)
  return tensor(new Float32Array(patches * patchLength), [patches, patchLength])
}
