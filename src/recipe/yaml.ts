import { parse } from 'yaml'
import { z } from 'zod'
import { check } from '../check.ts'
import { error, messageOf } from '../errors.ts'
import { floatingDtypes } from '../tensor/dtype.ts'
import { labelOf } from './labels.ts'
import type { Decoder, Recipe, Rule, Settings, Source } from './rule.ts'
import { parseSplice } from './splice.ts'

const Value = z.union([z.number(), z.boolean(), z.string()])
const Filtered = z.strictObject({
  filter: z.string().min(1).nullish(),
  value: z.union([Value, z.array(Value).min(1)]),
})
const SettingOf = z.union([Value, z.array(Value).min(1), z.array(Filtered).min(1)])
const Parameters = z.record(z.string(), SettingOf)
const LayerRange = z
  .tuple([z.int().min(0), z.int().min(0)])
  .refine(([begin, end]) => begin < end, 'two layers [first, end), the first below the end')

const Model = z.strictObject({ model: z.string().min(1), parameters: Parameters.nullish() })
const Slice = z.strictObject({
  sources: z.array(Model.extend({ layer_range: LayerRange })).min(1),
  merge_method: z.string().optional(),
  base_model: z.string().optional(),
  parameters: Parameters.nullish(),
})

/** A recipe of the shape that users of mergekit write, or one that holds a splice. */
const RecipeObject = z
  .strictObject({
    merge_method: z.string().optional(),
    models: z.array(Model).min(1).optional(),
    slices: z.array(Slice).min(1).optional(),
    splice: z.string().optional(),
    base_model: z.string().min(1).optional(),
    parameters: Parameters.nullish(),
    /** Dtype of the result; by default the first model's. */
    dtype: z.enum(floatingDtypes).optional(),
    /** Of random methods; default 0. */
    seed: z.int().min(0).optional(),
  })
  .refine(
    ({ models, slices, splice }) => [models, slices, splice].filter((form) => form !== undefined).length === 1,
    'one of models, slices and splice',
  )
export type RecipeObject = z.input<typeof RecipeObject>
type Checked = z.output<typeof RecipeObject>

/** Reads a YAML recipe (JSON is YAML too). `file` is what errors call it. Throws `ERR_RECIPE`. */
export function parseRecipe(text: string, file = 'recipe'): Recipe {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw error('ERR_RECIPE', `${file} is not valid YAML: ${messageOf(cause)}`, { cause })
  }
  return recipeOf(value as RecipeObject, file)
}

/**
 * The recipe an object describes. `models` merges models layer by layer; `slices` stacks layers, each slice merging ranges `[first, end)`
 * of its sources; `splice` holds the splice notation. Parameters of a method stand with a model, a slice or the recipe, the nearest
 * counts. The first model is `base_model`, or else the first that is named. Throws `ERR_RECIPE`.
 */
export function recipeOf(value: RecipeObject, name = 'recipe'): Recipe {
  const recipe = check(RecipeObject, value, name, 'ERR_RECIPE')
  const { dtype, seed } = recipe
  if (recipe.splice !== undefined) {
    const alone = ['merge_method', 'base_model', 'parameters'].find((key) => recipe[key as keyof Checked] !== undefined)
    if (alone)
      throw error('ERR_RECIPE', `${name}: a splice says itself how its parts are made; ${alone} has no place beside it`)
    return { ...parseSplice(recipe.splice), written: recipe, dtype, seed }
  }
  const rules = recipe.slices ? sliceRules(recipe, recipe.slices, name) : modelRules(recipe, recipe.models!, name)
  return { written: recipe, models: modelNames(recipe), dtype, seed, rules }
}

function modelNames({ base_model: base, models = [], slices = [] }: Checked): string[] {
  const inSlices = slices.flatMap(({ sources, base_model }) => [
    ...(base_model ? [base_model] : []),
    ...sources.map(({ model }) => model),
  ])
  return [...new Set([...(base ? [base] : []), ...models.map(({ model }) => model), ...inSlices].map(labelOf))]
}

function modelRules(recipe: Checked, models: z.output<typeof Model>[], name: string) {
  const method = requiredMethod(recipe.merge_method, name)
  return ({ numHiddenLayers }: Decoder): Rule[] => [
    {
      selectors: ['**'],
      method,
      sources: models.map(sourceOf),
      base: recipe.base_model && labelOf(recipe.base_model),
      settings: recipe.parameters ?? {},
      layers: [0, numHiddenLayers],
    },
  ]
}

function sliceRules(recipe: Checked, slices: z.output<typeof Slice>[], name: string) {
  const placed = slices.map((slice, i) => {
    const lengths = slice.sources.map(({ layer_range: [begin, end] }) => end - begin)
    if (lengths.some((length) => length !== lengths[0])) {
      throw error(
        'ERR_RECIPE',
        `${name}.slices[${i}]: expected ranges of equal length but found ${lengths.join(', ')} layers`,
      )
    }
    return { slice, length: lengths[0]!, method: requiredMethod(slice.merge_method ?? recipe.merge_method, name) }
  })
  const total = placed.reduce((sum, { length }) => sum + length, 0)
  return ({ numHiddenLayers }: Decoder): Rule[] => {
    if (total !== numHiddenLayers) {
      throw error(
        'ERR_RECIPE',
        `${name}.slices: expected the ${numHiddenLayers} layers of the first model but the slices make ${total} (a merge keeps that model's depth)`,
      )
    }
    let begin = 0
    return placed.map(({ slice, length, method }) => {
      const layers = [begin, (begin += length)] as const
      const base = slice.base_model ?? recipe.base_model
      return {
        selectors: [`language_model.layers[${layers.join(':')}]`],
        method,
        sources: slice.sources.map((source) => ({ ...sourceOf(source), firstLayer: source.layer_range[0] })),
        base: base && labelOf(base),
        settings: { ...recipe.parameters, ...slice.parameters },
        layers,
      }
    })
  }
}

function sourceOf({ model, parameters }: z.output<typeof Model>): Source {
  return { model: labelOf(model), settings: (parameters ?? {}) as Settings }
}

function requiredMethod(method: string | undefined, name: string): string {
  if (method !== undefined) return method
  throw error('ERR_RECIPE', `${name}: expected merge_method, such as linear, slerp, ties or passthrough`)
}
