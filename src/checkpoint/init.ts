import path from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error } from '../errors.ts'
import { floatingDtypes } from '../tensor/dtype.ts'
import { expectedParameters } from './architecture.ts'
import { parseConfig } from './config.ts'
import { readTokenizer, type TokenIds, writeSideFiles } from './init_files.ts'
import { isObject, type JsonObject, readJsonObject } from './json.ts'
import { storedName } from './names.ts'
import { writeDirectory } from './output_directory.ts'
import { type RandomParameter, randomBytes } from './random_weights.ts'
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
  const source = await readSource(given.config)
  const { ids, size } = await readTokenizer(tokenizer)
  checkTokens(source.json, ids)
  const json = withTokens(source.json, ids, dtype)
  const config = parseConfig(json, source.name)
  if (size > config.vocabSize) {
    throw error(
      'ERR_CHECKPOINT_CONFIG',
      `${source.name}: vocab_size: expected at least ${size}, the size of the tokenizer, but found ${config.vocabSize}`,
    )
  }
  if (layout === 'nested' && !config.vision) {
    throw error('ERR_INVALID_ARGUMENT', "Expected 'hub' for options.layout of a text-only model but received 'nested'")
  }
  const std = given.std ?? initializerRange(json)
  const parameters = [...expectedParameters(config)].map(
    ([name, shape], index): RandomParameter => ({ name, storedName: storedName(name, layout), shape, dtype, index }),
  )
  const bytes = totalBytes(parameters)
  await writeDirectory(out, bytes + sideFileBytes, async (directory) => {
    await writeJson(path.join(directory, 'config.json'), json)
    await writeSideFiles(directory, config, ids, tokenizer)
    const write = (parameter: RandomParameter) => randomBytes(parameter, { seed, std })
    await writeWeights(directory, parameters, write, { maxShardBytes, signal, onProgress })
  })
  const count = parameters.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0)
  return { directory: path.resolve(out), parameters: count, bytes }
}

async function readSource(config: string | JsonObject): Promise<{ json: JsonObject; name: string }> {
  if (typeof config !== 'string') return { json: config, name: 'options.config' }
  const json = await readJsonObject(config, 'ERR_CHECKPOINT_CONFIG')
  if (!json) throw error('ERR_CHECKPOINT_NOT_FOUND', `${config} does not exist (expected the config.json of a model)`)
  return { json, name: config }
}

/** The config with the ids of the tokenizer and the dtype of the weights, each where the file has it already. */
function withTokens(source: JsonObject, ids: TokenIds, dtype: string): JsonObject {
  const json = structuredClone(source)
  const text = isObject(json.text_config) ? json.text_config : undefined
  const set = (name: string, value: unknown) => {
    const places = [json, text].filter((place) => place && place[name] !== undefined && place[name] !== null)
    for (const place of places) place![name] = value
    // Layouts with text_config alone keep the fields of the decoder there.
    if (places.length === 0)
      (text && !('hidden_size' in json) && /^(bos|eos|pad)_/.test(name) ? text : json)[name] = value
  }
  set('bos_token_id', ids.bos)
  set('eos_token_id', ids.eos)
  if (hasVision(json)) {
    set('image_token_id', ids.image)
    set('video_token_id', ids.video)
    set('vision_start_token_id', ids.visionStart)
    set('vision_end_token_id', ids.visionEnd)
  }
  set('dtype' in json || (text && 'dtype' in text) ? 'dtype' : 'torch_dtype', dtype)
  json.architectures ??= [hasVision(json) ? 'Qwen2_5_VLForConditionalGeneration' : 'Qwen2ForCausalLM']
  return json
}

function checkTokens(json: JsonObject, ids: TokenIds): void {
  const needed = hasVision(json) ? Object.keys(ids) : ['bos', 'eos']
  const missing = needed.filter((token) => ids[token as keyof TokenIds] === undefined)
  if (missing.length > 0) {
    throw error(
      'ERR_TOKENIZER',
      `Expected a tokenizer of the Qwen2.5 family but it has no token for ${missing.join(', ')}`,
    )
  }
}

function hasVision(json: JsonObject): boolean {
  return json.model_type === 'qwen2_5_vl' || isObject(json.vision_config)
}

function initializerRange(json: JsonObject): number {
  const text = isObject(json.text_config) ? json.text_config : {}
  const range = json.initializer_range ?? text.initializer_range
  return typeof range === 'number' && range >= 0 ? range : 0.02
}
