import { z } from 'zod'
import { check, expected } from '../check.ts'
import type { ModelConfig } from '../checkpoint/config.ts'
import { error } from '../errors.ts'
import type { NativeInputs } from '../native.ts'
import { Tensor } from '../tensor/tensor.ts'

/** What the processor makes of a batch of conversations, in the names of transformers. Rows may differ in length: there is no padding. */
export interface Inputs {
  inputIds: number[][]
  /** [patches of all images, channels × temporal × patch × patch] */
  pixelValues?: Tensor
  /** [time, height, width] in patches, one for each image of the batch in order */
  imageGridThw?: number[][]
  pixelValuesVideos?: Tensor
  videoGridThw?: number[][]
  /** Seconds between temporal patches, one for each video. */
  secondPerGridTs?: number[]
}

/** Drops the pixel tensors; the token ids stay readable. */
export function disposeInputs(inputs: Inputs): void {
  inputs.pixelValues?.dispose()
  inputs.pixelValuesVideos?.dispose()
}

const Grid = z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)])

const InputsForm = z.strictObject({
  // their elements are the engine's to check: prompts may be long
  inputIds: z.array(z.array(z.number())).min(1),
  pixelValues: z.instanceof(Tensor).optional(),
  imageGridThw: z.array(Grid).optional(),
  pixelValuesVideos: z.instanceof(Tensor).optional(),
  videoGridThw: z.array(Grid).optional(),
  secondPerGridTs: z.array(z.number().min(0).max(86_400)).optional(),
})

/**
 * What the engine takes of `inputs`, checked: that every grid has its place among the tokens (`ERR_MESSAGES`), every patch its
 * pixels (`ERR_SHAPE_MISMATCH`), and every id its row of the embedding.
 */
export function nativeInputs(config: ModelConfig, inputs: Inputs): NativeInputs {
  const form = check(InputsForm, inputs, 'inputs')
  checkTokenIds(config, form.inputIds)
  checkVisuals(config, form.inputIds, 'image', form.imageGridThw, form.pixelValues)
  checkVisuals(config, form.inputIds, 'video', form.videoGridThw, form.pixelValuesVideos)
  const { videoGridThw = [], secondPerGridTs } = form
  if (secondPerGridTs && secondPerGridTs.length !== videoGridThw.length) {
    throw expected(`one number for each of ${videoGridThw.length} videos`, 'inputs.secondPerGridTs', secondPerGridTs)
  }
  return {
    ...form,
    pixelValues: form.pixelValues?.handle,
    pixelValuesVideos: form.pixelValuesVideos?.handle,
  }
}

function checkTokenIds(config: ModelConfig, rows: readonly (readonly number[])[]): void {
  rows.forEach((row, index) => {
    if (row.length === 0) throw expected('at least one token', `inputs.inputIds[${index}]`, row)
    const wrong = row.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= config.vocabSize)
    if (wrong >= 0) {
      throw expected(`a token id from 0 to ${config.vocabSize - 1}`, `inputs.inputIds[${index}][${wrong}]`, row[wrong])
    }
  })
}

const kinds = {
  image: { grids: 'imageGridThw', pixels: 'pixelValues', tokenId: 'imageTokenId' },
  video: { grids: 'videoGridThw', pixels: 'pixelValuesVideos', tokenId: 'videoTokenId' },
} as const

function checkVisuals(
  { vision, ...config }: ModelConfig,
  rows: readonly (readonly number[])[],
  kind: keyof typeof kinds,
  grids: readonly (readonly number[])[] = [],
  pixels: Tensor | undefined,
): void {
  const names = kinds[kind]
  if (!vision) {
    if (grids.length > 0 || pixels)
      throw error('ERR_MESSAGES', `Expected text alone but received ${kind}s: the model has no vision tower`)
    return
  }
  checkGrids(grids, vision.spatialMergeSize, `inputs.${names.grids}`)
  const tokens = tokensOf(grids, vision.spatialMergeSize)
  const pads = rows.reduce((sum, row) => sum + row.filter((id) => id === config[names.tokenId]).length, 0)
  if (tokens !== pads) {
    throw error(
      'ERR_MESSAGES',
      `Expected a pad for each of the ${tokens} tokens of inputs.${names.grids} but inputs.inputIds has ${pads}`,
    )
  }
  const patches = tokens * vision.spatialMergeSize ** 2
  const length = vision.inChannels * vision.temporalPatchSize * vision.patchSize ** 2
  if (patches > 0 ? String(pixels?.shape) !== `${patches},${length}` : pixels) {
    const what =
      patches > 0 ? `shape [${patches}, ${length}], as the grids have it,` : 'nothing, as there are no grids,'
    throw expected(what, `inputs.${names.pixels}`, pixels?.shape, 'ERR_SHAPE_MISMATCH')
  }
}

function tokensOf(grids: readonly (readonly number[])[], mergeSize: number): number {
  return grids.reduce((sum, [t, h, w]) => sum + (t! * h! * w!) / mergeSize ** 2, 0)
}

function checkGrids(grids: readonly (readonly number[])[], mergeSize: number, name: string): void {
  const wrong = grids.findIndex(([, height, width]) => height! % mergeSize !== 0 || width! % mergeSize !== 0)
  if (wrong < 0) return
  throw expected(`sides that are multiples of ${mergeSize}`, `${name}[${wrong}]`, grids[wrong], 'ERR_SHAPE_MISMATCH')
}

/** The grids as they are. Throws for what is no grid, or more than a prompt could hold (`ERR_CONTEXT_LENGTH`). */
export function checkedGrids(config: ModelConfig, value: unknown): number[][] {
  if (!config.vision) throw error('ERR_MESSAGES', 'The model has no vision tower')
  const grids = check(z.array(Grid), value, 'gridThw')
  const { spatialMergeSize } = config.vision
  checkGrids(grids, spatialMergeSize, 'gridThw')
  const tokens = tokensOf(grids, spatialMergeSize)
  if (tokens <= config.maxPositionEmbeddings) return grids
  throw expected(`grids of at most ${config.maxPositionEmbeddings} tokens`, 'gridThw', tokens, 'ERR_CONTEXT_LENGTH')
}

/** Where the image tokens of a row are. With several images they are not one span. */
export function imagePositions(config: ModelConfig, ids: readonly number[]): number[] {
  return ids.flatMap((id, position) => (id === config.imageTokenId ? [position] : []))
}
