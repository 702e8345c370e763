import type { Intervention } from '../model/interventions.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Means } from './means.ts'

export const ablated = ['layer', 'attention', 'mlp', 'head', 'block'] as const

/** What is left out, a part at a time. */
export type Ablated = (typeof ablated)[number]

/** One configuration of the reasoning probe. */
export interface Ablation {
  /** `baseline`, `layer_3`, `attention_3`, `mlp_3`, `head_3_1`, `block_early`. */
  name: string
  /** First of them for a block; null for the baseline. */
  layer: number | null
  head?: number
  /** Points of which means are needed, with the points they are taken relative to. */
  interventions(means?: Means): Intervention[]
}

/**
 * The configurations that leave out each part of `layers`, the intact model first. Zero ablation makes a part contribute nothing to the residual
 * stream; with `means` it contributes its mean over tokens of prompts instead.
 */
export function ablations(
  { config }: Pick<VisionLanguageModel, 'config'>,
  ablate: Ablated,
  layers: readonly number[],
): Ablation[] {
  return [{ name: 'baseline', layer: null, interventions: () => [] }, ...parts(config, ablate, layers)]
}

function parts(config: VisionLanguageModel['config'], ablate: Ablated, layers: readonly number[]): Ablation[] {
  switch (ablate) {
    case 'layer':
      return layers.map((layer) => ({
        name: `layer_${layer}`,
        layer,
        interventions: (means) => withoutLayer(layer, means),
      }))
    case 'attention':
      return layers.map((layer) => ({
        name: `attention_${layer}`,
        layer,
        interventions: (means) => without(`${pointOf(layer)}.self_attn`, means),
      }))
    case 'mlp':
      return layers.map((layer) => ({
        name: `mlp_${layer}`,
        layer,
        interventions: (means) => without(`${pointOf(layer)}.mlp`, means),
      }))
    case 'head':
      return layers.flatMap((layer) =>
        Array.from({ length: config.numAttentionHeads }, (_, head) => ({
          name: `head_${layer}_${head}`,
          layer,
          head,
          interventions: (means?: Means) => without(`${pointOf(layer)}.self_attn.heads`, means, [head]),
        })),
      )
    case 'block': {
      const n = config.numHiddenLayers
      const bounds = {
        early: [0, Math.floor(n / 3)],
        middle: [Math.floor(n / 3), Math.floor((2 * n) / 3)],
        late: [Math.floor((2 * n) / 3), n],
      }
      return Object.entries(bounds)
        .filter(([, [first, end]]) => first! < end!)
        .map(([name, [first, end]]) => ({
          name: `block_${name}`,
          layer: first!,
          interventions: (means) =>
            Array.from({ length: end! - first! }, (_, i) => withoutLayer(first! + i, means)).flat(),
        }))
    }
  }
}

/** The points whose means the ablation of `ablate` needs, each with the point it is relative to. */
export function meanPoints(
  ablate: Ablated,
  layers: readonly number[],
  count: number,
): { point: string; relativeTo?: string }[] {
  const all = Array.from({ length: count }, (_, layer) => layer)
  const of = { attention: '.self_attn', mlp: '.mlp', head: '.self_attn.heads' }
  if (ablate === 'layer' || ablate === 'block')
    return (ablate === 'block' ? all : layers).map((layer) => ({
      point: pointOf(layer),
      relativeTo: `${pointOf(layer)}:input`,
    }))
  return layers.map((layer) => ({ point: pointOf(layer) + of[ablate] }))
}

// What a layer adds to the stream is what leaves it less what enters it.
function withoutLayer(layer: number, means: Means | undefined): Intervention[] {
  const point = pointOf(layer)
  const skip: Intervention = { kind: 'skip', point }
  return means ? [skip, { kind: 'add', point, tensor: means.of(point) }] : [skip]
}

function without(point: string, means: Means | undefined, heads?: number[]): Intervention[] {
  const where = { point, ...(heads ? { heads } : {}) }
  return [means ? { kind: 'replace', ...where, tensor: means.of(point) } : { kind: 'zero', ...where }]
}

function pointOf(layer: number): string {
  return `language_model.layers.${layer}`
}
