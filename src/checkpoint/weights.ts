import { stat } from 'node:fs/promises'
import path from 'node:path'
import { error } from '../errors.ts'
import { isObject, readJsonObject, shown } from './json.ts'
import { readSafetensorsHeader, type StoredTensor } from './safetensors.ts'

export const singleFile = 'model.safetensors'
export const indexFile = 'model.safetensors.index.json'

/** A tensor of a checkpoint and the file that holds it. */
export interface WeightEntry extends StoredTensor {
  file: string
}

export interface Weights {
  /** Absolute paths with sizes in bytes: `model.safetensors`, or the shards in the order of their names. */
  files: { file: string; size: number }[]
  /** By the names in the files. */
  entries: Map<string, WeightEntry>
}

/**
 * Reads the headers of all weight files of a directory. Where both exist, `model.safetensors` goes before the index, as
 * in transformers. An index and its shards must list the same tensors.
 */
export async function readWeights(directory: string): Promise<Weights> {
  const single = path.join(directory, singleFile)
  if (await exists(single)) return collect(await readAll([single]))
  const shardOf = await readIndex(directory)
  if (!shardOf) {
    const what = (await exists(directory)) ? `has neither ${singleFile} nor ${indexFile}` : 'does not exist'
    throw error(
      'ERR_CHECKPOINT_NOT_FOUND',
      `${directory} ${what} (pickled weights must be converted to safetensors first)`,
    )
  }
  const shards = [...new Set(shardOf.values())].sort()
  const missing = await filter(shards, async (shard) => !(await exists(path.join(directory, shard))))
  if (missing.length > 0) {
    throw error(
      'ERR_CHECKPOINT_NOT_FOUND',
      `Expected ${shards.length} shards in ${directory} but ${listed(missing)} ${missing.length === 1 ? 'is' : 'are'} missing (is the download complete?)`,
    )
  }
  const files = await readAll(shards.map((shard) => path.join(directory, shard)))
  checkIndex(shardOf, files, path.join(directory, indexFile))
  return collect(files)
}

/** Which shard holds each parameter, by the names in the files; undefined without an index. */
export async function readIndex(directory: string): Promise<Map<string, string> | undefined> {
  const index = path.join(directory, indexFile)
  const json = await readJsonObject(index, 'ERR_CHECKPOINT_CORRUPT')
  return json && weightMap(json.weight_map, index)
}

type Files = Awaited<ReturnType<typeof readAll>>

async function readAll(files: string[]) {
  return await Promise.all(files.map(readSafetensorsHeader))
}

function collect(files: Files): Weights {
  const entries = files.flatMap(({ file, tensors }) =>
    tensors.map((tensor) => [tensor.storedName, { ...tensor, file }] as const),
  )
  return { files: files.map(({ file, size }) => ({ file, size })), entries: new Map(entries) }
}

function weightMap(value: unknown, index: string): Map<string, string> {
  if (!isObject(value) || Object.keys(value).length === 0) {
    throw error('ERR_CHECKPOINT_CORRUPT', `${index}: expected a weight_map from parameters to shards`)
  }
  for (const [name, shard] of Object.entries(value)) {
    // A plain name: a map may not reach out of its directory.
    if (typeof shard !== 'string' || shard !== path.basename(shard) || !shard.endsWith('.safetensors')) {
      throw error(
        'ERR_CHECKPOINT_CORRUPT',
        `${index}: expected the name of a .safetensors file for '${name}' but found ${shown(shard)}`,
      )
    }
  }
  return new Map(Object.entries(value as Record<string, string>))
}

function checkIndex(shardOf: Map<string, string>, files: Files, index: string): void {
  for (const { file, tensors } of files) {
    const shard = path.basename(file)
    const held = new Set(tensors.map(({ storedName }) => storedName))
    const lacking = [...shardOf].filter(([name, its]) => its === shard && !held.has(name)).map(([name]) => name)
    const unlisted = [...held].filter((name) => shardOf.get(name) !== shard)
    if (lacking.length > 0) {
      throw error(
        'ERR_CHECKPOINT_PARAMETERS',
        `${index} places ${listed(lacking)} in ${shard}, which lacks ${them(lacking)} (is the download complete?)`,
      )
    }
    if (unlisted.length > 0) {
      throw error(
        'ERR_CHECKPOINT_PARAMETERS',
        `${shard} holds ${listed(unlisted)}, but ${index} does not place ${them(unlisted)} there`,
      )
    }
  }
}

function them(names: string[]): string {
  return names.length === 1 ? 'it' : 'them'
}

/** The first five names and how many there are beyond them. */
export function listed(names: readonly string[]): string {
  const more = names.length - 5
  return names.slice(0, 5).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

export async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  )
}

async function filter<T>(values: T[], keep: (value: T) => Promise<boolean>): Promise<T[]> {
  const kept = await Promise.all(values.map(keep))
  return values.filter((_, i) => kept[i])
}
