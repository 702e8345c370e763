import { thirds } from '../checkpoint/blocks.ts'
import type { ModelConfig } from '../checkpoint/config.ts'

export type Section = 'Vision Encoder' | 'Projector' | 'LLM Backbone'
export type Component = 'Attention' | 'MLP' | 'Other'
export type Region = 'early' | 'middle' | 'late'

export const sections: readonly Section[] = ['Vision Encoder', 'Projector', 'LLM Backbone']

/** Where a parameter stands in the model, as arXiv 2602.12395 counts. */
export interface Place {
  /** Unified: vision block i is i − depth, the projector 0, decoder layer i is i + 1. */
  layer_idx: number
  section: Section
  component: Component
  /** Third of the decoder. */
  region?: Region
}

/** The place of a parameter; undefined for one that the comparison leaves out: no weight, a norm, or of no indexed layer. */
export function placeOf(name: string, config: ModelConfig): Place | undefined {
  if (!name.includes('weight') || name.includes('norm')) return undefined
  const component = componentOf(name)
  const block = /^visual\.blocks\.(\d+)\./.exec(name)?.[1]
  if (block !== undefined)
    return { layer_idx: Number(block) - config.vision!.depth, section: 'Vision Encoder', component }
  if (name.startsWith('visual.merger.')) return { layer_idx: 0, section: 'Projector', component }
  const layer = /^language_model\.layers\.(\d+)\./.exec(name)?.[1]
  if (layer === undefined) return undefined
  return { layer_idx: Number(layer) + 1, section: 'LLM Backbone', component, region: regionOf(Number(layer), config) }
}

function componentOf(name: string): Component {
  if (/attn|[qkvo]_proj|qkv/.test(name)) return 'Attention'
  return /gate|up_proj|down|mlp/.test(name) ? 'MLP' : 'Other'
}

function regionOf(layer: number, { numHiddenLayers }: ModelConfig): Region {
  const { early, middle } = thirds(numHiddenLayers)
  if (layer < early[1]) return 'early'
  return layer < middle[1] ? 'middle' : 'late'
}
