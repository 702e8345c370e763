import path from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { FrankentorchError } from '../errors.ts'
import { type Dtype, dtypes } from '../tensor/dtype.ts'
import { type Block, blockOf, blocks, thirds } from './blocks.ts'
import { openCheckpoint } from './checkpoint.ts'
import { type ModelConfig, readConfig } from './config.ts'
import { readJsonObject } from './json.ts'
import { internalName, isIgnored, type Layout, layoutOf } from './names.ts'
import { elementCount } from './safetensors.ts'
import { exists, readWeights, type WeightEntry, type Weights } from './weights.ts'

export interface Inspection {
  directory: string
  config: ModelConfig
  /** `null` where the weights cannot be read. */
  layout: Layout | null
  /** Weight files by name, with sizes in bytes. */
  shards: { name: string; bytes: number }[]
  dtypes: Dtype[]
  tensors: number
  parameters: number
  bytes: number
  /** What the files hold of each part; decoder thirds with their layers [begin, end). */
  blocks: { name: Block; layers?: [number, number]; tensors: number; parameters: number; bytes: number }[]
  tokenizer: boolean
  chatTemplate: boolean
  preprocessor: boolean
  /** Why the checkpoint cannot be opened. Empty for a good one. */
  problems: { code: string; message: string }[]
}

/**
 * Says what a checkpoint directory holds, from its config and headers alone. A checkpoint that `openCheckpoint` would
 * refuse is described as far as it can be read; only a missing or unusable config.json throws.
 */
export async function inspectCheckpoint(directory: string): Promise<Inspection> {
  const root = path.resolve(check(z.string().min(1), directory, 'directory'))
  const config = await readConfig(root)
  const problems = await problemsOf(root)
  const weights: Weights = await readWeights(root).catch(() => ({ files: [], entries: new Map() }))
  const entries = [...weights.entries.values()].filter(({ storedName }) => !isIgnored(storedName))
  const found = new Set(entries.map(({ dtype }) => dtype))
  return {
    directory: root,
    config,
    layout: entries.length > 0 ? layoutOf(weights.entries.keys()) : null,
    shards: weights.files.map(({ file, size }) => ({ name: path.basename(file), bytes: size })),
    dtypes: dtypes.filter((dtype) => found.has(dtype)),
    ...sum(entries),
    blocks: byBlock(entries, config),
    tokenizer: await exists(path.join(root, 'tokenizer.json')),
    chatTemplate: await hasChatTemplate(root),
    preprocessor: await exists(path.join(root, 'preprocessor_config.json')),
    problems,
  }
}

async function problemsOf(directory: string): Promise<Inspection['problems']> {
  try {
    await openCheckpoint(directory)
    return []
  } catch (thrown) {
    if (!(thrown instanceof FrankentorchError)) throw thrown
    return [{ code: thrown.code, message: thrown.message }]
  }
}

function byBlock(entries: WeightEntry[], config: ModelConfig): Inspection['blocks'] {
  const layers: Partial<Record<Block, [number, number]>> = thirds(config.numHiddenLayers)
  return blocks.map((name) => ({
    name,
    ...(layers[name] ? { layers: layers[name] } : {}),
    ...sum(entries.filter(({ storedName }) => blockOf(internalName(storedName), config.numHiddenLayers) === name)),
  }))
}

function sum(entries: WeightEntry[]) {
  return {
    tensors: entries.length,
    parameters: entries.reduce((total, { shape }) => total + (elementCount(shape) ?? 0), 0),
    bytes: entries.reduce((total, { begin, end }) => total + end - begin, 0),
  }
}

async function hasChatTemplate(directory: string): Promise<boolean> {
  const files = ['chat_template.json', 'chat_template.jinja'].map((name) => exists(path.join(directory, name)))
  if ((await Promise.all(files)).includes(true)) return true
  const tokenizer = await readJsonObject(path.join(directory, 'tokenizer_config.json'), 'ERR_TOKENIZER').catch(
    () => undefined,
  )
  return tokenizer?.chat_template !== undefined
}
