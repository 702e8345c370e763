import { realpath } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { thirds } from '../checkpoint/blocks.ts'
import { openCheckpoint } from '../checkpoint/checkpoint.ts'
import { requireNew } from '../checkpoint/output-directory.ts'
import { error } from '../errors.ts'
import { resolveModel } from '../hub/index.ts'
import { cutsOf } from '../model/selectors.ts'
import {
  type Decoder,
  isLabel,
  labelOf,
  parseSplice,
  type Recipe,
  type RecipeObject,
  recipeOf,
} from '../recipe/index.ts'
import { type FloatingDtype, floatingDtypes } from '../tensor/dtype.ts'
import { type Assignment, type Models, planMerge } from './plan.ts'

const model = z.string().min(1).optional()

export const MergeOptions = z.strictObject({
  /** The checkpoints that the labels of a recipe stand for: directories, or names on the Hub. `sft` and `coldstart` are other words for `in`, `final` for `rl`. */
  base: model,
  in: model,
  sft: model,
  coldstart: model,
  rl: model,
  final: model,
  /** Likewise for any other name in a recipe; without an entry here such a name is a directory or a name on the Hub itself. */
  models: z.record(z.string(), z.string().min(1)).default({}),
  /** First layer of the middle and of the late third; by default ⌊n/3⌋ and ⌊2n/3⌋. */
  layerCuts: z.tuple([z.int().min(0), z.int().min(0)]).optional(),
  /** Dtype of the result; by default the recipe's, or else the first model's. */
  dtype: z.enum(floatingDtypes).optional(),
  /** Of random methods; by default the recipe's, or else 0. */
  seed: z.int().min(0).optional(),
  /** Record the SHA-256 of all parameters of every model, which reads them, beside the fingerprint of samples of them. Default false. */
  hash: z.boolean().default(false),
  /** Directory to make. */
  out: z.string().min(1),
  signal: z.instanceof(AbortSignal).optional(),
  /** Bytes of weights written so far and in all. */
  onProgress: z
    .custom<(written: number, total: number) => void>((value) => typeof value === 'function', 'a function')
    .optional(),
})
export type MergeOptions = z.input<typeof MergeOptions>
export type CheckedOptions = z.output<typeof MergeOptions>

/** A merge that was checked against its models and can be written. */
export interface PreparedMerge {
  recipe: Recipe
  /** By label or path; the first is the one whose layout the result has. */
  models: Models
  /** Where each was asked for: a directory, or a name on the Hub. */
  locations: ReadonlyMap<string, string>
  decoder: Decoder
  dtype: FloatingDtype | undefined
  seed: number
  assignments: readonly Assignment[]
}

/** Reads recipe, configs and headers, and checks all that can go wrong before a byte is written. */
export async function prepare(given: string | RecipeObject | Recipe, options: CheckedOptions): Promise<PreparedMerge> {
  const recipe = typeof given === 'string' ? parseSplice(given) : isRecipe(given) ? given : recipeOf(given)
  const locations = new Map(recipe.models.map((name) => [name, locationOf(name, options)]))
  const directories = new Map<string, string>()
  for (const [name, location] of locations) {
    directories.set(name, await resolveModel(location, { signal: options.signal }))
  }
  await requireOutput(options.out, directories)
  const models: Models = new Map(
    await Promise.all([...directories].map(async ([name, at]) => [name, await openCheckpoint(at)] as const)),
  )
  const { numHiddenLayers } = models.get(recipe.models[0]!)!.config
  const { middle } = thirds(numHiddenLayers)
  const cuts = options.layerCuts ? check(cutsOf(numHiddenLayers), options.layerCuts, 'options.layerCuts') : middle
  const decoder = { numHiddenLayers, cuts }
  const dtype = options.dtype ?? (recipe.dtype as FloatingDtype | undefined)
  const assignments = planMerge({ ...recipe, dtype }, models, decoder)
  return { recipe, models, locations, decoder, dtype, seed: options.seed ?? recipe.seed ?? 0, assignments }
}

function isRecipe(given: RecipeObject | Recipe): given is Recipe {
  return typeof (given as Recipe).rules === 'function'
}

function locationOf(name: string, options: CheckedOptions): string {
  const { base, sft, coldstart, rl, final, models } = options
  const labelled = Object.fromEntries(Object.entries(models).map(([word, at]) => [labelOf(word), at]))
  const own = { base, in: options.in ?? sft ?? coldstart, rl: rl ?? final, ...labelled }[name]
  if (own !== undefined) return own
  if (isLabel(name)) throw expected('a checkpoint', `options.${name}, which the recipe names`, undefined)
  return name
}

async function requireOutput(out: string, directories: ReadonlyMap<string, string>): Promise<void> {
  const target = await realpath(out).catch(() => path.resolve(out))
  for (const [name, directory] of directories) {
    if ((await realpath(directory)) === target)
      throw error('ERR_OUTPUT', `${out} is the checkpoint '${name}' that is merged; choose another --out`)
  }
  await requireNew(target)
}
