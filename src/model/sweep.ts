import { z } from 'zod'
import type { NativeIntervention, NativeRowOptions, NativeSwapSource, NativeSweep, NativeSweepRow } from '../native.ts'
import { GenerateOptions } from './generation.ts'
import type { Inputs } from './inputs.ts'
import { imagePositions } from './inputs.ts'
import { checkIntervention, type Intervention } from './interventions.ts'
import { type InterventionContext, resolveInterventions } from './resolve-interventions.ts'
import { type LocatedSwap, locateSwap, type SwapIntervention, swapPoint } from './swap.ts'

export const SweepOptions = GenerateOptions.omit({ interventions: true, numReturnSequences: true }).extend({
  /** Bytes that a sweep may take beyond the weights, as far as it can be foreseen; rows that do not fit wait for others to finish. Default: no bound. */
  maxMemory: z.int().min(1).optional(),
})
export type SweepOptions = z.input<typeof SweepOptions>

/** A sweep as the engine runs it, and the configurations it cannot run: those change what comes before the decoder. */
export interface SweepPlan {
  sweep: NativeSweep
  /** For each row of the sweep its configuration. */
  configurations: number[]
  alone: number[]
}

/**
 * Where each configuration parts from the prompt as the model reads it: at which layer, and from which token on. Causal attention keeps what
 * stands before a changed token as it is, and a change in a layer leaves the layers below it as they are, so a row computes the tokens
 * from its first changed one on, in the layers from its first changed one on, and shares the rest.
 */
export function planSweep(
  configurations: readonly (readonly Intervention[])[],
  inputs: Inputs,
  options: NativeRowOptions,
  context: InterventionContext,
  maxBytes: number,
): SweepPlan {
  const image = imagePositions(context.config, inputs.inputIds[0]!)
  const plan: SweepPlan = {
    sweep: { image, sources: [], rows: [], interventions: [], maxBytes },
    configurations: [],
    alone: [],
  }
  const sources = new SourceList()
  const rows: NativeSweepRow[] = []
  const interventions: NativeIntervention[] = []
  configurations.forEach((given, configuration) => {
    const parts = partsOf(given, inputs, context)
    if (!parts) {
      plan.alone.push(configuration)
      return
    }
    const row = rows.length
    rows.push(rowOf(parts, options, inputs, context, sources))
    interventions.push(...parts.changes.map((change) => ofRow(change, row)))
    plan.configurations.push(configuration)
  })
  plan.sweep = { ...plan.sweep, sources: sources.native(), rows, interventions }
  return plan
}

interface Parts {
  swap?: { intervention: SwapIntervention; located: LocatedSwap }
  changes: NativeIntervention[]
}

// Undefined for what a sweep cannot share: a change of the images' or tokens' embeddings, two swaps at once, a swap that recurs beside a
// change of attention weights, whose keys would have to be counted out.
function partsOf(given: readonly Intervention[], inputs: Inputs, context: InterventionContext): Parts | undefined {
  const names = context.points.map(({ name }) => name)
  const swaps = given.filter((intervention): intervention is SwapIntervention => intervention.kind === 'swap')
  const others = given.filter(({ kind }) => kind !== 'swap')
  const changes = resolveInterventions(others, inputs, context)
  if (swaps.length > 1 || changes.some(({ point }) => decoderLayer(point, context) === undefined)) return undefined
  const [swap] = swaps
  if (!swap) return { changes }
  if (swap.steps === 'all' && changes.some(({ point }) => point.endsWith('.weights'))) return undefined
  const checked = checkIntervention(swap, 'interventions') as SwapIntervention
  // Checking makes a copy, but rows that swap from one source are told by its identity.
  const intervention = { ...checked, source: swap.source }
  return {
    swap: { intervention, located: locateSwap(intervention, inputs, { config: context.config, points: names }) },
    changes,
  }
}

function rowOf(
  { swap, changes }: Parts,
  options: NativeRowOptions,
  inputs: Inputs,
  context: InterventionContext,
  sources: SourceList,
): NativeSweepRow {
  const length = inputs.inputIds[0]!.length
  const layers = context.config.numHiddenLayers
  const places = changes.flatMap((change) => placeOf(change, length, context))
  if (!swap) return { options, ...first(places, layers) }

  const { intervention, located } = swap
  const { positions } = located
  const row = {
    source: sources.indexOf(intervention, located),
    layers: located.layers,
    keys: located.tensors.includes('key'),
    values: located.tensors.includes('value'),
    recurs: intervention.steps === 'all',
  }
  if (changes.length === 0 && standsInCache(located, layers)) {
    return { options, layer: located.layers[0]!, token: positions.at(-1)! + 1, swap: row }
  }
  return { options, ...first([...places, { layer: located.layers[0]!, token: positions[0] ?? 0 }], layers), swap: row }
}

/**
 * The short cut: only the tokens after the image are computed. From the first swapped layer on, every layer has the source's keys and values at
 * the image's positions, so what the model makes of the image there is never read by anyone, and the tokens before the image never saw it. This
 * needs every layer from the first swapped one on, keys as well as values (the other half would come from the image's own states, which
 * change: its tokens attend to each other), and one image (text between two of them sees the first).
 */
function standsInCache({ layers, positions, tensors }: LocatedSwap, count: number): boolean {
  const toTheLast = layers.length === count - layers[0]!
  const oneImage = positions.length > 0 && positions.at(-1)! - positions[0]! + 1 === positions.length
  return toTheLast && oneImage && tensors.length === 2
}

interface Place {
  layer: number
  token: number
}

// Not found: the change acts on generated tokens alone, or nowhere.
function placeOf(change: NativeIntervention, length: number, context: InterventionContext): Place[] {
  if (!('rows' in change) || change.steps === 'decode') return []
  const tokens = change.rows.map(({ first = length, positions }) => (positions ? Math.min(...positions) : first))
  const token = Math.min(...tokens)
  if (token >= length) return []
  const layer = decoderLayer(change.point, context)!
  // Behind the last layer only the last token of a prompt is read.
  return [layer < context.config.numHiddenLayers ? { layer, token } : { layer: layer - 1, token: length - 1 }]
}

// The layer that a point belongs to; their number for what comes after them, undefined for what comes before.
function decoderLayer(point: string, { config }: InterventionContext): number | undefined {
  const index = /^language_model\.layers\.(\d+)/.exec(point)?.[1]
  if (index !== undefined) return Number(index)
  return /^(language_model\.norm|lm_head)/.test(point) ? config.numHiddenLayers : undefined
}

function first(places: readonly Place[], layers: number): Place {
  if (places.length === 0) return { layer: layers, token: 0 }
  return {
    layer: Math.min(...places.map(({ layer }) => layer)),
    token: Math.min(...places.map(({ token }) => token)),
  }
}

function ofRow(change: NativeIntervention, row: number): NativeIntervention {
  return 'rows' in change ? { ...change, rows: change.rows.map((entry) => ({ ...entry, row })) } : change
}

/** The sources that rows swap from, each once, with the layers that are needed of it. */
class SourceList {
  readonly #sources: { swap: SwapIntervention; located: LocatedSwap; layers: Set<number> }[] = []

  indexOf(swap: SwapIntervention, located: LocatedSwap): number {
    const same = (other: SwapIntervention) =>
      other.source.keysValues === swap.source.keysValues && (other.resample ?? false) === (swap.resample ?? false)
    let index = this.#sources.findIndex((known) => same(known.swap))
    if (index < 0) index = this.#sources.push({ swap, located, layers: new Set() }) - 1
    for (const layer of located.layers) this.#sources[index]!.layers.add(layer)
    return index
  }

  native(): NativeSwapSource[] {
    return this.#sources.map(({ swap, located, layers }) => {
      const of = (tensor: 'key' | 'value') =>
        Array.from({ length: Math.max(...layers) + 1 }, (_, layer) =>
          layers.has(layer) ? swap.source.keysValues?.[swapPoint(layer, tensor)]?.handle : undefined,
        )
      return {
        keys: of('key'),
        values: of('value'),
        positions: located.sourcePositions,
        resample: swap.resample ?? false,
      }
    })
  }
}
