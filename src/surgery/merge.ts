import { copyFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { check } from '../check.ts'
import { isObject, readJsonObject } from '../checkpoint/json.ts'
import { writeDirectory } from '../checkpoint/output-directory.ts'
import { shardsOf, totalBytes, writeJson, writeShards } from '../checkpoint/writer.ts'
import type { Recipe, RecipeObject } from '../recipe/index.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { MergedBytes } from './bytes.ts'
import { type Estimate, estimateMerge } from './estimate.ts'
import { modelCard } from './model-card.ts'
import { MergeOptions, prepare } from './prepare.ts'
import { provenance } from './provenance.ts'

export interface MergeResult {
  /** Absolute path. */
  directory: string
  parameters: number
  /** Of the weights. */
  bytes: number
}

// Headers, merge.json and the model card, which grow with the number of parameters.
const bytesPerParameter = 1000

/**
 * Merges checkpoints into a new one: `merge('IN early 1/3 + RL late 2/3', { in, rl, out })`, or a recipe as mergekit's users write it.
 * The result has the layout, shards, names and side files of the model named first, `merge.json` with the recipe and the provenance of
 * every parameter, and a model card. Weights stream from file to file; arithmetic is in float32 and rounded once; the same inputs give the
 * same bytes. `out` appears when it is complete.
 *
 * Throws `ERR_RECIPE`, `ERR_UNKNOWN_LAYER`, `ERR_UNKNOWN_PARAMETER`, `ERR_CHECKPOINT_PARAMETERS`, `ERR_SHAPE_MISMATCH`, `ERR_NON_FINITE`,
 * `ERR_OUTPUT` where `out` exists, is a source, or does not fit on the disk, `ERR_ABORTED`, and what opening a checkpoint throws.
 */
export async function merge(recipe: string | RecipeObject | Recipe, options: MergeOptions): Promise<MergeResult> {
  const checked = check(MergeOptions, options)
  const { signal, onProgress, out } = checked
  const prepared = await prepare(recipe, checked)
  const { models, assignments, seed, dtype } = prepared
  const first = models.get(prepared.recipe.models[0]!)!
  const bytes = totalBytes(assignments)
  const record = await provenance(prepared, checked)
  await using merged = new MergedBytes(models, { seed, signal })
  const rest = (await totalSize(first.sideFiles)) + assignments.length * bytesPerParameter
  await writeDirectory(out, bytes + rest, async (directory) => {
    for (const file of first.sideFiles) await copyFile(file, path.join(directory, path.basename(file)))
    if (dtype) await writeDtype(path.join(directory, 'config.json'), dtype)
    await writeJson(path.join(directory, 'merge.json'), record)
    await writeFile(path.join(directory, 'README.md'), modelCard(prepared))
    await writeShards(directory, shardsOf(first, assignments), (assignment) => merged.of(assignment), {
      signal,
      onProgress,
    })
  })
  return { directory: path.resolve(out), parameters: assignments.length, bytes }
}

/**
 * What `merge` would do with the same arguments: bytes and memory, and the time it would take, from a trial of one piece of each method
 * beside `out`, where nothing stays.
 */
export async function planOf(recipe: string | RecipeObject | Recipe, options: MergeOptions): Promise<Estimate> {
  const checked = check(MergeOptions, options)
  return await estimateMerge(await prepare(recipe, checked), checked)
}

/** Every place where a config names the dtype of its weights names the new one. */
async function writeDtype(file: string, dtype: FloatingDtype): Promise<void> {
  const renamed = (value: unknown): unknown => {
    if (!isObject(value)) return value
    const changed = Object.entries(value).map(([key, inner]) => [
      key,
      (key === 'dtype' || key === 'torch_dtype') && typeof inner === 'string' ? dtype : renamed(inner),
    ])
    return Object.fromEntries(changed)
  }
  await writeJson(file, renamed(await readJsonObject(file, 'ERR_CHECKPOINT_CONFIG')))
}

async function totalSize(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
