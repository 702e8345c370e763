import path from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error } from '../errors.ts'
import { floatingDtypes } from '../tensor/dtype.ts'
import { expectedParameters } from './architecture.ts'
import { newConfig } from './init-config.ts'
import { writeSideFiles } from './init-files.ts'
import { storedName } from './names.ts'
import { writeDirectory } from './output-directory.ts'
import { writeRandomCard } from './random-card.ts'
import { type RandomParameter, randomWeights } from './random-weights.ts'
import { elementCount } from './safetensors.ts'
import { defaultShardBytes, totalBytes, writeJson, writeWeights } from './writer.ts'

const InitOptions = z.strictObject({
  /** The contents of a config.json in any layout, or the path of one. */
  config: z.union([z.string(), z.record(z.string(), z.unknown())]),
  /** A directory with a tokenizer.json; by default a byte-level tokenizer of 278 tokens. */
  tokenizer: z.string().optional(),
  seed: z.int().min(0).default(0),
  dtype: z.enum(floatingDtypes).default('bfloat16'),
  out: z.string().min(1),
  /** How the parameters are spelled in the files. */
  layout: z.enum(['hub', 'nested']).default('hub'),
  maxShardBytes: z.int().min(1).default(defaultShardBytes),
  /** Standard deviation of the weights; by default the config's initializer_range, or 0.02. */
  std: z.number().min(0).optional(),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(written: number, total: number) => void>((value) => typeof value === 'function').optional(),
})
export type InitOptions = z.input<typeof InitOptions>

// Configs and tokenizers beside the weights; a few kilobytes to a few megabytes.
const sideFileBytes = 32 << 20

/**
 * Writes a checkpoint directory of random weights that this package and transformers load: norm weights 1, biases 0,
 * matrices N(0, std). Token ids in config.json are those of the tokenizer. Streams, so a model of any size takes little memory.
 * Equal options give equal bytes, and `maxShardBytes` changes only where they are cut.
 *
 * Throws `ERR_OUTPUT` when `out` exists or the disk is too small; nothing is left behind when it fails.
 */
export async function initCheckpoint(
  options: InitOptions,
): Promise<{ directory: string; parameters: number; bytes: number }> {
  const { out, tokenizer, dtype, layout, seed, maxShardBytes, signal, onProgress, ...given } = check(
    InitOptions,
    options,
  )
  const { json, config, ids, initializerRange } = await newConfig(given.config, tokenizer, dtype)
  if (layout === 'nested' && !config.vision) {
    throw error('ERR_INVALID_ARGUMENT', "Expected 'hub' for options.layout of a text-only model but received 'nested'")
  }
  const std = given.std ?? initializerRange
  const parameters = [...expectedParameters(config)].map(
    ([name, shape], index): RandomParameter => ({ name, storedName: storedName(name, layout), shape, dtype, index }),
  )
  const bytes = totalBytes(parameters)
  await writeDirectory(out, bytes + sideFileBytes, async (directory) => {
    await writeJson(path.join(directory, 'config.json'), json)
    await writeSideFiles(directory, config, ids, tokenizer)
    await writeRandomCard(directory, seed)
    await writeWeights(directory, parameters, randomWeights({ seed, std }), { maxShardBytes, signal, onProgress })
  })
  const count = parameters.reduce((sum, { shape }) => sum + elementCount(shape)!, 0)
  return { directory: path.resolve(out), parameters: count, bytes }
}
