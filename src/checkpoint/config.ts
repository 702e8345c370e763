import path from 'node:path'
import { error } from '../errors.ts'
import { type FloatingDtype, floatingDtypes } from '../tensor/dtype.ts'
import { type Fields, fieldsOf } from './fields.ts'
import { isObject, type JsonObject, readJsonObject, shown } from './json.ts'
import { type Rotary, readRotary } from './rotary.ts'
import { readVisionConfig, type VisionConfig } from './vision-config.ts'

export const architectures = ['Qwen2_5_VLForConditionalGeneration', 'Qwen2ForCausalLM'] as const
export type Architecture = (typeof architectures)[number]

/** What the engine needs of config.json, in the names of the Hub's file, whichever of its three layouts it has. */
export interface ModelConfig {
  architecture: Architecture
  hiddenSize: number
  numHiddenLayers: number
  numAttentionHeads: number
  numKeyValueHeads: number
  headDim: number
  intermediateSize: number
  vocabSize: number
  rmsNormEps: number
  ropeTheta: number
  /** Rotary frequencies given to time, height and width; they sum to headDim / 2. Empty for a text-only model. */
  mropeSection: number[]
  maxPositionEmbeddings: number
  tieWordEmbeddings: boolean
  /** The dtype config.json names, which need not be that of the files. */
  torchDtype: FloatingDtype | null
  /** `null` in a text-only model, as are the three below. */
  imageTokenId: number | null
  videoTokenId: number | null
  visionStartTokenId: number | null
  visionEndTokenId: number | null
  bosTokenId: number | null
  eosTokenIds: number[]
  padTokenId: number | null
  /** `null` in a text-only model. */
  vision: VisionConfig | null
}

const architectureOf: Record<string, Architecture> = {
  qwen2_5_vl: 'Qwen2_5_VLForConditionalGeneration',
  qwen2: 'Qwen2ForCausalLM',
}

/**
 * Reads `config.json` of a checkpoint directory. No value is assumed where the file is silent, except the vision
 * fields that transformers 4.49–4.51 left out (see `readVisionConfig`).
 *
 * Throws `ERR_CHECKPOINT_NOT_FOUND`, `ERR_UNKNOWN_ARCHITECTURE`, or `ERR_CHECKPOINT_CONFIG` naming the field.
 */
export async function readConfig(directory: string): Promise<ModelConfig> {
  const file = path.join(directory, 'config.json')
  const json = await readJsonObject(file, 'ERR_CHECKPOINT_CONFIG')
  if (!json) throw error('ERR_CHECKPOINT_NOT_FOUND', `${file} does not exist (is this a checkpoint directory?)`)
  return parseConfig(json, file)
}

/** The same for JSON at hand; `file` is what errors call it. */
export function parseConfig(json: JsonObject, file = 'config.json'): ModelConfig {
  const architecture = readArchitecture(json, file)
  const hasVision = architecture === 'Qwen2_5_VLForConditionalGeneration'
  if (json.quantization_config) {
    throw error('ERR_CHECKPOINT_CONFIG', `${file}: quantized checkpoints are not supported (quantization_config)`)
  }
  // transformers has written the text fields at the root (4.41–4.51), at the root and in text_config (4.52–4.57), and
  // in text_config alone (5.x).
  const nested = hasVision && isObject(json.text_config) ? [{ object: json.text_config, prefix: 'text_config.' }] : []
  const text = fieldsOf(file, [{ object: json, prefix: '' }, ...nested])
  const size = readTextSize(text)
  const rotary = readRotary(text, hasVision)
  checkAttention(text, size, rotary)
  const tokenId = (name: string) => (hasVision ? text.integer(name, 0, size.vocabSize - 1) : null)
  return {
    architecture,
    ...size,
    ...rotary,
    tieWordEmbeddings: readTied(text),
    torchDtype: readDtype(text),
    imageTokenId: tokenId('image_token_id'),
    videoTokenId: tokenId('video_token_id'),
    visionStartTokenId: tokenId('vision_start_token_id'),
    visionEndTokenId: tokenId('vision_end_token_id'),
    bosTokenId: text.tokenIds('bos_token_id')[0] ?? null,
    eosTokenIds: text.tokenIds('eos_token_id'),
    padTokenId: text.tokenIds('pad_token_id')[0] ?? null,
    vision: hasVision ? readVisionConfig(json.vision_config, size.hiddenSize, file) : null,
  }
}

function readArchitecture(json: JsonObject, file: string): Architecture {
  const named = Array.isArray(json.architectures) ? json.architectures[0] : undefined
  const byType = typeof json.model_type === 'string' ? architectureOf[json.model_type] : undefined
  const found = named ?? byType
  const known = architectures.find((architecture) => architecture === found)
  if (known && (json.model_type === undefined || byType === known)) return known
  throw error(
    'ERR_UNKNOWN_ARCHITECTURE',
    `${file}: expected architecture ${architectures.join(' or ')} but found ${shown(named ?? null)} with model_type ${shown(json.model_type ?? null)}`,
  )
}

type TextSize = ReturnType<typeof readTextSize>

// The upper bounds lie far above any model and far below what would overflow or loop.
function readTextSize(text: Fields) {
  const hiddenSize = text.integer('hidden_size', 1, 65_536)
  const numAttentionHeads = text.integer('num_attention_heads', 1, 1024)
  const headDim = text.optionalInteger('head_dim', 1, 4096) ?? hiddenSize / numAttentionHeads
  if (!Number.isInteger(headDim)) {
    throw text.error(
      'hidden_size',
      `expected a multiple of num_attention_heads ${numAttentionHeads} but found ${hiddenSize}`,
    )
  }
  return {
    hiddenSize,
    numHiddenLayers: text.integer('num_hidden_layers', 1, 1024),
    numAttentionHeads,
    numKeyValueHeads: text.integer('num_key_value_heads', 1, 1024),
    headDim,
    intermediateSize: text.integer('intermediate_size', 1, 1_048_576),
    vocabSize: text.integer('vocab_size', 1, 4_194_304),
    rmsNormEps: text.number('rms_norm_eps', 1e-30, 0.1),
    maxPositionEmbeddings: text.integer('max_position_embeddings', 1, 16_777_216),
  }
}

function checkAttention(text: Fields, size: TextSize, rotary: Rotary): void {
  const { hiddenSize, headDim, numAttentionHeads, numKeyValueHeads, numHiddenLayers } = size
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    throw text.error(
      'num_key_value_heads',
      `expected a divisor of num_attention_heads ${numAttentionHeads} but found ${numKeyValueHeads}`,
    )
  }
  if (headDim % 2 !== 0) throw text.error('head_dim', `expected an even number for rotary pairs but found ${headDim}`)
  const { mropeSection } = rotary
  if (mropeSection.length > 0) {
    // The vision-language decoder of transformers ignores head_dim.
    if (headDim * numAttentionHeads !== hiddenSize) {
      throw text.error(
        'head_dim',
        `expected hidden_size / num_attention_heads = ${hiddenSize / numAttentionHeads} but found ${headDim}`,
      )
    }
    const sum = mropeSection.reduce((total, part) => total + part, 0)
    if (sum !== headDim / 2) {
      throw text.error(
        'mrope_section',
        `expected parts that sum to half the head dimension, ${headDim / 2}, but found [${mropeSection}]`,
      )
    }
  }
  const activation = text.find('hidden_act')
  if (activation !== 'silu') throw text.error('hidden_act', `expected 'silu' but found ${shown(activation ?? null)}`)
  checkFullAttention(text, numHiddenLayers)
}

// Sliding windows concern layers from max_window_layers on; the released configs carry the fields and switch them off.
function checkFullAttention(text: Fields, layers: number): void {
  const types = text.find('layer_types')
  const slides = Array.isArray(types)
    ? types.some((type) => type !== 'full_attention')
    : text.find('use_sliding_window') === true &&
      typeof text.find('sliding_window') === 'number' &&
      text.integer('max_window_layers', 0, Number.MAX_SAFE_INTEGER) < layers
  if (slides)
    throw text.error(types ? 'layer_types' : 'use_sliding_window', 'sliding-window attention is not supported')
}

// Releases 4.52–4.57 may put the flag in text_config alone, or leave a false at the root: true wins, as in transformers 5.
function readTied(text: Fields): boolean {
  const found = text.all('tie_word_embeddings')
  if (found.length === 0) throw text.error('tie_word_embeddings', 'expected true or false but it is missing')
  const wrong = found.find((value) => typeof value !== 'boolean')
  if (wrong !== undefined) throw text.error('tie_word_embeddings', `expected true or false but found ${shown(wrong)}`)
  return found.includes(true)
}

// `dtype` since 4.56. The root may say bfloat16 where text_config says float32: the root is what loading goes by.
function readDtype(text: Fields): FloatingDtype | null {
  const found = text.first('dtype') ?? text.first('torch_dtype')
  if (found === undefined) return null
  const name = String(found).replace(/^torch\./, '')
  if (!(floatingDtypes as readonly string[]).includes(name)) {
    throw text.error('torch_dtype', `expected one of ${floatingDtypes.join(', ')} but found ${shown(found)}`)
  }
  return name as FloatingDtype
}
