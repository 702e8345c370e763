import { expected } from '../check.ts'
import type { ModelConfig } from '../checkpoint/config.ts'
import type { NativeCallback, NativeChange, NativeIntervention, NativePositions, NativeRecorded } from '../native.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { checkProgram } from './check-program.ts'
import type { Inputs } from './inputs.ts'
import {
  type Attached,
  type CallbackChange,
  type Change,
  checkIntervention,
  type Intervention,
} from './interventions.ts'
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
  dtype: FloatingDtype
  /** What is attached to a model acts on the rows and positions that a call has; named for one call, others are errors. */
  whereTheyOccur?: boolean
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
  return interventions.flatMap((given, index) => {
    const name = `interventions[${index}]`
    return resolveAttached(checkIntervention(given, name), inputs, context, name)
  })
}

/** The same of one that was checked. */
export function resolveAttached(
  attached: Attached,
  inputs: Inputs,
  context: InterventionContext,
  name: string,
): NativeIntervention[] {
  if (attached.kind === 'swap')
    return resolveSwap(attached, inputs, { config: context.config, points: context.points.map((point) => point.name) })
  return pointsOf(attached, context).flatMap((point) => resolveChange(attached, point, inputs, context, name))
}

/**
 * The points something acts at. Throws what no call could do with: the errors of selectors, heads that a point has not, a program that does not
 * run there.
 */
export function checkAttached(attached: Attached, context: InterventionContext, name: string): string[] {
  const points = pointsOf(attached, context)
  const anyCall = { inputIds: [[0]] }
  const lenient = { ...context, whereTheyOccur: true }
  // how many tokens a tensor goes with depends on the call
  if (attached.kind !== 'swap' && !('tensor' in attached))
    for (const point of points) resolveChange(attached, point, anyCall, lenient, name)
  return points.map((point) => point.name)
}

function pointsOf({ point }: Attached, { points, config }: InterventionContext): PointInfo[] {
  const names = points.map(({ name }) => name)
  const selected = new Set(selectPoints([point], { names, numHiddenLayers: config.numHiddenLayers }))
  return points.filter(({ name }) => selected.has(name))
}

function resolveChange(
  change: Change | CallbackChange,
  point: PointInfo,
  inputs: Inputs,
  context: InterventionContext,
  name: string,
): (NativeChange | NativeRecorded | NativeCallback)[] {
  if (change.kind === 'skip') checkSkip(point, context.points, name)
  const visual = point.name.startsWith('visual.')
  const sequences = visual ? patches(change, point, inputs, context, name) : rows(change, inputs, context, name)
  const heads = 'heads' in change && change.heads !== 'all' ? checkHeads(change.heads, point, name) : undefined
  if (sequences.length === 0) return []
  const where = {
    point: point.name,
    steps: change.steps,
    rows: sequences.map(({ row, selected }) => ({ row, ...selected })),
    heads,
  }
  switch (change.kind) {
    case 'callback':
      return [{ kind: 'callback', ...where, callback: change.callback }]
    case 'scale':
      return [{ kind: change.kind, ...where, factor: change.factor }]
    case 'noise':
      return [{ kind: change.kind, ...where, standardDeviation: change.standardDeviation, seed: change.seed }]
    case 'zero':
    case 'skip':
      return [{ kind: change.kind, ...where }]
  }
  if ('program' in change) {
    checkProgram(change.program, point, context.dtype)
    const rows = where.rows.map((row) => ({ ...row, sample: sampleOf(inputs.inputIds[row.row]!) }))
    return [{ kind: 'program', ...where, rows, program: change.program.handle, seed: change.seed }]
  }
  const prefillOnly = visual || change.steps === 'prefill'
  return [{ kind: change.kind, ...where, ...fitTensor(change.tensor, point, sequences, prefillOnly, `${name}.tensor`) }]
}

// Tells the random draws of one prompt from another's, whatever else is in the batch (FNV-1a).
function sampleOf(ids: readonly number[]): number {
  return ids.reduce((hash, id) => Math.imul(hash ^ id, 0x01000193), 0x811c9dc5) >>> 0
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

function rows(
  change: Change | CallbackChange,
  { inputIds }: Inputs,
  context: InterventionContext,
  name: string,
): Sequence[] {
  const chosen = change.rows === 'all' ? inputIds.map((_, row) => row) : [...new Set(change.rows)]
  return chosen.flatMap((row) => {
    const ids = inputIds[row]
    if (!ids && context.whereTheyOccur) return []
    if (!ids) throw expected(`rows below ${inputIds.length}`, `${name}.rows`, row)
    return { row, length: ids.length, selected: positionsOf(change, ids, context, name) }
  })
}

function positionsOf(
  { positions, steps }: Change | CallbackChange,
  ids: readonly number[],
  { config, newTokens, whereTheyOccur }: InterventionContext,
  name: string,
): Sequence['selected'] {
  if (positions === 'all') return { first: 0 }
  if (positions === 'answer') return { first: ids.length }
  if (typeof positions !== 'string') {
    if (whereTheyOccur) return { positions }
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
  change: Change | CallbackChange,
  { name: point }: PointInfo,
  { inputIds, imageGridThw = [], videoGridThw = [] }: Inputs,
  { config, whereTheyOccur }: InterventionContext,
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
  const wrong = whereTheyOccur ? -1 : positions.findIndex((position) => position >= length)
  if (wrong < 0) return [{ row: 0, length, selected: { positions } }]
  throw expected(`a patch below ${length} at ${point}`, `${name}.positions[${wrong}]`, positions[wrong])
}
