import { z } from 'zod'
import { expected } from '../check.ts'
import type { ModelConfig } from '../checkpoint/config.ts'
import { error } from '../errors.ts'
import type { NativeSwap } from '../native.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type Inputs, imagePositions } from './inputs.ts'
import { selectPoints } from './selectors.ts'

/**
 * Visual-token swap (arXiv 2602.12395, functional localization): in the decoder layers `point` selects, the keys (after rotary) and values
 * at the image positions are replaced by those of another prompt in the prefill; generated tokens then attend to the replaced cache.
 */
export interface SwapIntervention {
  kind: 'swap'
  /** Decoder layers, such as `language_model.layers[12:]`. */
  point: string
  positions: 'image'
  /** `all` also appends the source's image tokens to the cache at every decoding step, as the published code does. */
  steps: 'prefill' | 'all'
  /** Keys and values, or only one of them. Default both. */
  tensors?: 'kv' | 'k' | 'v'
  /** When the numbers of image tokens differ: resample linearly along tokens, or `ERR_GRID_MISMATCH`. Default false. */
  resample?: boolean
  /**
   * The other prompt and its captured `….self_attn.key` and `….self_attn.value`, [1, kv_heads, tokens, head_dim] (`model.prefill`). Without these a
   * sweep reads the other prompt itself, once for all its configurations.
   */
  source: { inputs: Inputs; keysValues?: Record<string, Tensor> }
}

/** Keys and values of a prompt: the source of a swap. */
export type Prefilled = Required<SwapIntervention['source']> & Disposable

export const SwapForm = z.strictObject({
  kind: z.literal('swap'),
  point: z.string(),
  positions: z.literal('image'),
  steps: z.enum(['prefill', 'all']),
  tensors: z.enum(['kv', 'k', 'v']).optional(),
  resample: z.boolean().optional(),
  source: z.strictObject({
    inputs: z.custom<Inputs>(
      (value) => Array.isArray((value as Inputs | undefined)?.inputIds),
      'inputs of the processor',
    ),
    keysValues: z.record(z.string(), z.instanceof(Tensor)).optional(),
  }),
})

/** A swap with its layers and positions found for this prompt. */
export interface LocatedSwap {
  /** Ascending. */
  layers: number[]
  /** Image tokens of the prompt and of the source. */
  positions: number[]
  sourcePositions: number[]
  tensors: readonly ('key' | 'value')[]
}

/** Throws for layers, positions and captured tensors that do not fit: `ERR_UNKNOWN_POINT`, `ERR_SHAPE_MISMATCH`, `ERR_INVALID_ARGUMENT`. */
export function locateSwap(
  swap: SwapIntervention,
  inputs: Inputs,
  { config, points }: { config: ModelConfig; points: readonly string[] },
): LocatedSwap {
  const positions = imagePositions(config, onlyRow(inputs, 'inputs'))
  const sourceIds = onlyRow(swap.source.inputs, 'source.inputs')
  const tensors = { kv: ['key', 'value'], k: ['key'], v: ['value'] } as const
  const located: LocatedSwap = {
    layers: [],
    positions,
    sourcePositions: imagePositions(config, sourceIds),
    tensors: tensors[swap.tensors ?? 'kv'],
  }
  if (swap.steps === 'all' && located.tensors.length < 2)
    throw error(
      'ERR_INVALID_ARGUMENT',
      "Expected keys and values for a swap with steps 'all', which appends both, but received one of them",
    )
  const shape = [1, config.numKeyValueHeads, sourceIds.length, config.headDim]
  for (const layer of selectPoints([swap.point], { names: points, numHiddenLayers: config.numHiddenLayers })) {
    const index = /^language_model\.layers\.(\d+)$/.exec(layer)?.[1]
    if (index === undefined)
      throw error(
        'ERR_UNKNOWN_POINT',
        `Expected decoder layers for point of a swap but '${swap.point}' selects ${layer}`,
      )
    located.layers.push(Number(index))
    for (const tensor of swap.source.keysValues ? located.tensors : []) {
      const point = swapPoint(Number(index), tensor)
      const source = swap.source.keysValues![point]
      if (!source)
        throw error(
          'ERR_INVALID_ARGUMENT',
          `Expected a captured ${point} in source.keysValues of a swap but received none`,
        )
      if (String(source.shape) !== String(shape))
        throw expected(`shape [${shape.join(', ')}]`, `${point} of a swap's source`, source.shape, 'ERR_SHAPE_MISMATCH')
    }
  }
  return located
}

export function swapPoint(layer: number, tensor: 'key' | 'value'): string {
  return `language_model.layers.${layer}.self_attn.${tensor}`
}

/** A swap as the engine attaches it: one for keys and one for values of every layer. */
export function resolveSwap(
  swap: SwapIntervention,
  inputs: Inputs,
  context: { config: ModelConfig; points: readonly string[] },
): NativeSwap[] {
  const { layers, positions, sourcePositions, tensors } = locateSwap(swap, inputs, context)
  const { keysValues } = swap.source
  if (!keysValues)
    throw error('ERR_INVALID_ARGUMENT', 'Expected source.keysValues of a swap outside of a sweep (see model.prefill)')
  return layers.flatMap((layer) =>
    tensors.map((tensor) => ({
      kind: 'swap',
      point: swapPoint(layer, tensor),
      source: keysValues[swapPoint(layer, tensor)]!.handle,
      positions,
      sourcePositions,
      resample: swap.resample ?? false,
      append: swap.steps === 'all',
    })),
  )
}

function onlyRow(inputs: Inputs, name: string): readonly number[] {
  if (inputs.inputIds.length === 1) return inputs.inputIds[0]!
  throw error('ERR_INVALID_ARGUMENT', `Expected one row for ${name} of a swap but received ${inputs.inputIds.length}`)
}
