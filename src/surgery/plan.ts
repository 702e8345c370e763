import type { Checkpoint, Entry } from '../checkpoint/checkpoint.ts'
import { bytesPerElement } from '../checkpoint/dtypes.ts'
import { elementCount } from '../checkpoint/safetensors.ts'
import { listed } from '../checkpoint/weights.ts'
import type { TensorSpec } from '../checkpoint/writer.ts'
import { error } from '../errors.ts'
import { selectParameters } from '../model/selectors.ts'
import { type Decoder, type Recipe, type Rule, SettingReader, type Source } from '../recipe/index.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { type MergeMethod, methodNamed, requireParameters, requireValue } from './method.ts'
import './methods/index.ts'

/** A parameter of one of the models, by the model's label or path. */
export interface Origin {
  model: string
  entry: Entry
}

/** How one parameter of the result is made. */
export interface Assignment extends TensorSpec {
  /** Internal name. */
  name: string
  dtype: FloatingDtype
  method: MergeMethod
  origins: readonly Origin[]
  base?: Origin
  /** Values of the method's parameters here. */
  values: Readonly<Record<string, number | boolean | readonly number[]>>
}

export type Models = ReadonlyMap<string, Checkpoint>

/**
 * What `recipe` makes of every parameter of the first model, in the first model's order. Reads no weights.
 *
 * Throws `ERR_RECIPE`, `ERR_UNKNOWN_LAYER`, `ERR_UNKNOWN_PARAMETER`, `ERR_CHECKPOINT_PARAMETERS` where a model lacks what is wanted of it,
 * `ERR_SHAPE_MISMATCH` where shapes differ.
 */
export function planMerge(recipe: Recipe, models: Models, decoder: Decoder): Assignment[] {
  const first = models.get(recipe.models[0]!)!
  const names = [...first.entries.keys()]
  const copied = { selectors: ['**'], method: 'passthrough', sources: [{ model: recipe.models[0]!, settings: {} }] }
  const rules = [{ ...copied, settings: {}, layers: [0, decoder.numHiddenLayers] } as Rule, ...recipe.rules(decoder)]
  const makers = new Map<string, RuleInPlace>()
  const settings = new SettingReader(names, decoder)
  for (const rule of rules) {
    const inPlace = new RuleInPlace(rule, models, settings)
    const { numHiddenLayers, cuts } = decoder
    for (const name of selectParameters(rule.selectors, { names, numHiddenLayers, cuts })) makers.set(name, inPlace)
  }
  const entries = [...first.entries.values()]
  requireSources(entries, makers)
  return entries.map((entry) => makers.get(entry.name)!.assignment(entry, recipe.dtype as FloatingDtype | undefined))
}

class RuleInPlace {
  private readonly rule: Rule
  private readonly models: Models
  private readonly settings: SettingReader
  private readonly method: MergeMethod
  private readonly sources: readonly Source[]

  constructor(rule: Rule, models: Models, settings: SettingReader) {
    this.rule = rule
    this.models = models
    this.settings = settings
    this.method = methodNamed(rule.method)
    this.sources = sourcesOf(rule, this.method)
    requireParameters(this.method, [
      ...Object.keys(rule.settings),
      ...this.sources.flatMap((source) => Object.keys(source.settings)),
    ])
  }

  /** What the parameter `name` is made of: models, and the name there. */
  wanted(name: string): { model: string; name: string; entry: Entry | undefined }[] {
    const { base } = this.rule
    const sources: Source[] =
      this.method.base === 'required' ? [{ model: base!, settings: {} }, ...this.sources] : [...this.sources]
    return sources.map((source) => {
      const there = nameIn(source, name, this.rule.layers[0])
      return { model: source.model, name: there, entry: this.models.get(source.model)!.entries.get(there) }
    })
  }

  assignment(entry: Entry, dtype: FloatingDtype | undefined): Assignment {
    const { name, storedName, shape } = entry
    const origins = this.wanted(name).map(({ model, entry }) => ({ model, entry: entry! }))
    const base = this.method.base === 'required' ? origins.shift() : undefined
    const values = this.values(name)
    this.method.require?.(values as never)
    const stored = entry.dtype as FloatingDtype
    return { name, storedName, shape, dtype: dtype ?? stored, method: this.method, origins, base, values }
  }

  private values(name: string): Assignment['values'] {
    const { method, rule, sources } = this
    const at = (source: Source | undefined, parameter: string) => {
      const setting = source?.settings[parameter] ?? rule.settings[parameter]
      const value = setting === undefined ? undefined : this.settings.at(setting, { name, layers: rule.layers })
      return requireValue(method, parameter, value)
    }
    const values = Object.entries(method.parameters).map(([parameter, { kind }]) => {
      if (kind === 'per model') return [parameter, sources.map((source) => at(source, parameter))] as const
      // as mergekit's users write it, a method's only value may stand with a model
      const holder = sources.find(({ settings }) => parameter in settings)
      return [parameter, at(holder, parameter)] as const
    })
    return Object.fromEntries(values) as Assignment['values']
  }
}

function sourcesOf({ sources, base }: Rule, method: MergeMethod): readonly Source[] {
  if (method.base === 'required' && base === undefined) {
    throw error('ERR_RECIPE', `${method.name} merges differences from a base: expected base_model`)
  }
  const others = sources.filter(({ model }) => model !== base)
  const first = method.base === 'none' ? sources.filter(({ model }) => model === base) : []
  const merged = [...first, ...others]
  const { min = 1, max = Number.POSITIVE_INFINITY } = method.models ?? {}
  if (merged.length >= min && merged.length <= max) return merged
  const count = max === Number.POSITIVE_INFINITY ? `${min} models or more` : min === max ? `${min}` : `${min} to ${max}`
  throw error(
    'ERR_RECIPE',
    `Expected ${count} for ${method.name} but received ${merged.length}: ${merged.map(({ model }) => model).join(', ')}`,
  )
}

function nameIn({ firstLayer }: Source, name: string, begin: number): string {
  if (firstLayer === undefined) return name
  return name.replace(
    /^language_model\.layers\.(\d+)\./,
    (_, layer) => `language_model.layers.${Number(layer) - begin + firstLayer}.`,
  )
}

// All that is missing or misshapen at once, by model: whoever merges the wrong checkpoints wants to see it whole.
function requireSources(entries: readonly Entry[], makers: ReadonlyMap<string, RuleInPlace>): void {
  const missing = new Map<string, string[]>()
  const misshapen: string[] = []
  for (const target of entries) {
    for (const { model, name, entry } of makers.get(target.name)!.wanted(target.name)) {
      if (!entry) missing.set(model, [...(missing.get(model) ?? []), name])
      else if (entry.shape.join() !== target.shape.join()) {
        misshapen.push(`${name} is [${entry.shape}] in ${model} and [${target.shape}] in the first model`)
      }
    }
  }
  for (const [model, names] of missing) {
    const head = names.includes('lm_head.weight') ? ' (a head that is tied to the embedding is no parameter)' : ''
    throw error(
      'ERR_CHECKPOINT_PARAMETERS',
      `Expected ${names.length} more parameters in ${model}, which lacks ${listed(names)}${head}`,
    )
  }
  if (misshapen.length > 0)
    throw error('ERR_SHAPE_MISMATCH', `Expected parameters of equal shapes but ${listed(misshapen)}`)
}

/** The bytes are those of the only origin. */
export function isCopy({ method, origins, values, dtype }: Assignment): boolean {
  return method.name === 'passthrough' && values.scale === 1 && origins[0]!.entry.dtype === dtype
}

/** Of an element while it is merged. */
export function workingDtype({ dtype }: Assignment): 'float32' | 'float64' {
  return dtype === 'float64' ? 'float64' : 'float32'
}

/** Elements that are merged at once. Fixed, so that a piece depends on nothing but its place. */
export const pieceElements = 1 << 19

/** Pieces whose tensors take memory at a time: one is computed, the one before is written, and malloc keeps what it gave to others (measured: 5 to 9). */
const piecesAtOnce = 10

/**
 * Largest anonymous memory that merging takes, in bytes: tensors in the working dtype of a few pieces, or of a whole parameter where the method
 * measures it.
 */
export function workingMemory(assignments: readonly Assignment[]): number {
  const of = (assignment: Assignment) => {
    if (isCopy(assignment)) return 1 << 20
    const { method, origins, base, shape } = assignment
    const tensors = origins.length + (base ? 1 : 0) + 3
    const elements = elementCount(shape)!
    const pieces = Math.min(piecesAtOnce * pieceElements, 2 * elements)
    const atOnce = method.measure ? Math.max(elements, pieces) : pieces
    return tensors * atOnce * bytesPerElement(workingDtype(assignment))
  }
  return assignments.reduce((most, assignment) => Math.max(most, of(assignment)), 0)
}
