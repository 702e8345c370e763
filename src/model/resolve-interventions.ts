import { expected } from '../check.ts'
import type { ModelConfig } from '../checkpoint/config.ts'
import type { NativeChange, NativeIntervention, NativePositions } from '../native.ts'
import type { Inputs } from './inputs.ts'
import { type Change, checkIntervention, type Intervention } from './interventions.ts'
import { selectPoints } from './selectors.ts'
import { resolveSwap } from './swap.ts'
import { fitTensor } from './tensor-fit.ts'

export interface PointInfo {
  name: string
  /** For one row; -1 where it is a number of tokens or patches. */
  shape: number[]
}

export interface InterventionContext {
  config: ModelConfig
  points: readonly PointInfo[]
  /** Most tokens that are generated after the prompts. */
  newTokens: number
}

/** A row of the call or, inside the vision tower, all its patches. */
export interface Sequence {
  row: number
  /** Tokens that pass in the prefill. */
  length: number
  /** What the positions are where not all from one on. */
  selected: Pick<NativePositions, 'first' | 'positions'>
}

/**
 * Interventions as the engine attaches them, in order: one point each, rows and positions resolved for these prompts. Throws for what the
 * model does not have: `ERR_UNKNOWN_POINT`, `ERR_UNKNOWN_LAYER`, `ERR_SHAPE_MISMATCH`, `ERR_INVALID_ARGUMENT`.
 */
export function resolveInterventions(
  interventions: readonly Intervention[],
  inputs: Inputs,
  context: InterventionContext,
): NativeIntervention[] {
  const names = context.points.map(({ name }) => name)
  return interventions.flatMap((given, index): NativeIntervention[] => {
    const name = `interventions[${index}]`
    const intervention = checkIntervention(given, name)
    if (intervention.kind === 'swap')
      return resolveSwap(intervention, inputs, { config: context.config, points: names })
    const selected = selectPoints([intervention.point], { names, numHiddenLayers: context.config.numHiddenLayers })
    return context.points
      .filter((point) => selected.includes(point.name))
      .map((point) => resolveChange(intervention, point, inputs, context, name))
  })
}

function resolveChange(
  change: Change,
  point: PointInfo,
  inputs: Inputs,
  context: InterventionContext,
  name: string,
): NativeChange {
  if (change.kind === 'skip') checkSkip(point, context.points, name)
  const visual = point.name.startsWith('visual.')
  const sequences = visual ? patches(change, point, inputs, context, name) : rows(change, inputs, context, name)
  const resolved: NativeChange = {
    kind: change.kind,
    point: point.name,
    steps: change.steps,
    rows: sequences.map(({ row, selected }) => ({ row, ...selected })),
  }
  if ('heads' in change && change.heads !== 'all') resolved.heads = checkHeads(change.heads, point, name)
  if (change.kind === 'scale') resolved.factor = change.factor
  if (change.kind === 'noise')
    Object.assign(resolved, { standardDeviation: change.standardDeviation, seed: change.seed })
  if (change.kind === 'add' || change.kind === 'replace') {
    const prefillOnly = visual || change.steps === 'prefill'
    Object.assign(resolved, fitTensor(change.tensor, point, sequences, prefillOnly, `${name}.tensor`))
  }
  return resolved
}

// The output of attention and MLP is added to what entered the layer: to leave those out is to add nothing.
function checkSkip({ name: point, shape }: PointInfo, points: readonly PointInfo[], name: string): void {
  const input = points.find((other) => other.name === `${point}:input`)
  if (/\.(self_attn|attn|mlp)$/.test(point))
    throw expected("a layer, or kind 'zero', which leaves attention or MLP out,", `${name}.point`, point)
  if (String(input?.shape) !== String(shape))
    throw expected('a module whose output has the shape of its input', `${name}.point`, point)
}

function checkHeads(heads: readonly number[], { name: point, shape }: PointInfo, name: string): readonly number[] {
  if (shape.length !== 4)
    throw expected(
      "'all', or a point with heads (.self_attn.query, .key, .value, .weights, .heads),",
      `${name}.heads`,
      {
        [point]: heads,
      },
    )
  const count = shape[headsAxis(shape)]!
  const wrong = heads.findIndex((head) => head >= count)
  if (wrong < 0) return heads
  throw expected(`a head from 0 to ${count - 1} of ${point}`, `${name}.heads[${wrong}]`, heads[wrong])
}

function headsAxis(shape: readonly number[]): number {
  return shape.indexOf(-1) === 1 ? 2 : 1
}

function rows(change: Change, { inputIds }: Inputs, context: InterventionContext, name: string): Sequence[] {
  const chosen = change.rows === 'all' ? inputIds.map((_, row) => row) : [...new Set(change.rows)]
  return chosen.map((row) => {
    const ids = inputIds[row]
    if (!ids) throw expected(`rows below ${inputIds.length}`, `${name}.rows`, row)
    return { row, length: ids.length, selected: positionsOf(change, ids, context, name) }
  })
}

function positionsOf(
  { positions, steps }: Change,
  ids: readonly number[],
  { config, newTokens }: InterventionContext,
  name: string,
): Sequence['selected'] {
  if (positions === 'all') return { first: 0 }
  if (positions === 'answer') return { first: ids.length }
  if (typeof positions !== 'string') {
    const end = steps === 'prefill' ? ids.length : ids.length + newTokens
    const wrong = positions.findIndex((position) => position >= end)
    if (wrong < 0) return { positions }
    throw expected(`a position below ${end}`, `${name}.positions[${wrong}]`, positions[wrong])
  }
  const isImage = (id: number) => id === config.imageTokenId
  const isText = (id: number) => !isImage(id) && id !== config.videoTokenId
  const belongs = config.vision ? (positions === 'image' ? isImage : isText) : () => positions === 'text'
  return { positions: ids.flatMap((id, position) => (belongs(id) ? [position] : [])) }
}

// Pictures of all rows run through the vision tower together, images apart from videos.
function patches(
  change: Change,
  { name: point }: PointInfo,
  { inputIds, imageGridThw = [], videoGridThw = [] }: Inputs,
  { config }: InterventionContext,
  name: string,
): Sequence[] {
  if (change.rows !== 'all') throw expected(`'all' at ${point}`, `${name}.rows`, change.rows)
  if (change.steps === 'decode') throw expected(`'prefill' or 'all' at ${point}`, `${name}.steps`, change.steps)
  const { positions } = change
  if (typeof positions === 'string' && positions !== 'all')
    throw expected(`'all' or indices of patches at ${point}`, `${name}.positions`, positions)
  const mixed = imageGridThw.length > 0 && videoGridThw.length > 0
  if ((positions !== 'all' || change.kind === 'noise') && (inputIds.length > 1 || mixed))
    throw expected(`one row with images or videos alone for ${change.kind} at ${point}`, 'inputs', inputIds)
  const merged = point === 'visual.merger' ? config.vision!.spatialMergeSize ** 2 : 1
  const length = [...imageGridThw, ...videoGridThw].reduce((sum, [t, h, w]) => sum + (t! * h! * w!) / merged, 0)
  if (positions === 'all')
    return [{ row: 0, length: inputIds.length > 1 || mixed ? 0 : length, selected: { first: 0 } }]
  const wrong = positions.findIndex((position) => position >= length)
  if (wrong < 0) return [{ row: 0, length, selected: { positions } }]
  throw expected(`a patch below ${length} at ${point}`, `${name}.positions[${wrong}]`, positions[wrong])
}
