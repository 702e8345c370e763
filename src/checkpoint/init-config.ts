import { error } from '../errors.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { readTokenizer, type TokenIds } from './init-files.ts'
import { isObject, type JsonObject, readJsonObject } from './json.ts'

/** The config.json of a new checkpoint, as it will be written and as the engine reads it. */
export interface NewConfig {
  json: JsonObject
  config: ModelConfig
  ids: TokenIds
  /** Standard deviation the config asks for. */
  initializerRange: number
}

/** Puts the ids of the tokenizer and the dtype of the weights into a config.json, given as its contents or its path. */
export async function newConfig(
  source: string | JsonObject,
  tokenizer: string | undefined,
  dtype: string,
): Promise<NewConfig> {
  const name = typeof source === 'string' ? source : 'options.config'
  const given = typeof source === 'string' ? await readJsonObject(source, 'ERR_CHECKPOINT_CONFIG') : source
  if (!given) throw error('ERR_CHECKPOINT_NOT_FOUND', `${name} does not exist (expected the config.json of a model)`)
  const { ids, size } = await readTokenizer(tokenizer)
  checkTokens(ids, hasVision(given))
  const json = filledIn(given, ids, dtype)
  const config = parseConfig(json, name)
  if (size > config.vocabSize) {
    throw error(
      'ERR_CHECKPOINT_CONFIG',
      `${name}: vocab_size: expected at least ${size}, the size of the tokenizer, but found ${config.vocabSize}`,
    )
  }
  return { json, config, ids, initializerRange: initializerRange(json) }
}

function checkTokens(ids: TokenIds, hasVision: boolean): void {
  const needed = hasVision ? Object.keys(ids) : ['bos', 'eos']
  const missing = needed.filter((token) => ids[token as keyof TokenIds] === undefined)
  if (missing.length > 0) {
    throw error(
      'ERR_TOKENIZER',
      `Expected a tokenizer of the Qwen2.5 family but it has no token for ${missing.join(', ')}`,
    )
  }
}

function filledIn(source: JsonObject, ids: TokenIds, dtype: string): JsonObject {
  const json = structuredClone(source)
  const text = isObject(json.text_config) ? json.text_config : {}
  // In the layout that has the decoder's fields in text_config alone, its ids are there too.
  const decoder = 'hidden_size' in json ? json : text
  const set = (name: string, value: unknown, home: JsonObject) => {
    const places = [json, text].filter((place) => (place[name] ?? null) !== null)
    for (const place of places.length > 0 ? places : [home]) place[name] = value
  }
  set('bos_token_id', ids.bos, decoder)
  set('eos_token_id', ids.eos, decoder)
  if (hasVision(json)) {
    set('image_token_id', ids.image, json)
    set('video_token_id', ids.video, json)
    set('vision_start_token_id', ids.visionStart, json)
    set('vision_end_token_id', ids.visionEnd, json)
  }
  set('dtype' in json || 'dtype' in text ? 'dtype' : 'torch_dtype', dtype, json)
  json.architectures ??= [hasVision(json) ? 'Qwen2_5_VLForConditionalGeneration' : 'Qwen2ForCausalLM']
  return json
}

function hasVision(json: JsonObject): boolean {
  return json.model_type === 'qwen2_5_vl' || isObject(json.vision_config)
}

function initializerRange(json: JsonObject): number {
  const text = isObject(json.text_config) ? json.text_config : {}
  const range = json.initializer_range ?? text.initializer_range
  return typeof range === 'number' && range >= 0 ? range : 0.02
}
