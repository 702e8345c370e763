import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { expectedParameters } from '../../src/checkpoint/architecture.ts'
import { parseConfig } from '../../src/checkpoint/config.ts'
import type { JsonObject } from '../../src/checkpoint/json.ts'
import { type Layout, storedName } from '../../src/checkpoint/names.ts'

export interface HeaderEntry {
  dtype: unknown
  shape: unknown
  data_offsets: unknown
}

/** An empty directory that goes away with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'frankentorch-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A safetensors file made by hand, so that it can be wrong: `header` as text or value, `data` as bytes or a count of zeros. */
export function safetensorsBytes(header: unknown, data: Uint8Array | number = 0, length?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(json.length))
  return Buffer.concat([prefix, json, typeof data === 'number' ? Buffer.alloc(data) : data])
}

export const tinyVision: JsonObject = {
  depth: 2,
  hidden_act: 'silu',
  hidden_size: 16,
  intermediate_size: 20,
  num_heads: 2,
  in_chans: 3,
  out_hidden_size: 24,
  patch_size: 14,
  spatial_merge_size: 2,
  spatial_patch_size: 14,
  window_size: 112,
  fullatt_block_indexes: [1],
  tokens_per_second: 2,
  temporal_patch_size: 2,
}

const tinyText: JsonObject = {
  bos_token_id: 256,
  eos_token_id: 258,
  hidden_act: 'silu',
  hidden_size: 24,
  initializer_range: 0.02,
  intermediate_size: 32,
  max_position_embeddings: 2048,
  max_window_layers: 3,
  num_attention_heads: 2,
  num_hidden_layers: 3,
  num_key_value_heads: 1,
  rms_norm_eps: 1e-6,
  sliding_window: 32768,
  use_sliding_window: false,
  vocab_size: 288,
}

const tinyTokens: JsonObject = {
  image_token_id: 268,
  video_token_id: 269,
  vision_start_token_id: 265,
  vision_end_token_id: 266,
}

const kind = { architectures: ['Qwen2_5_VLForConditionalGeneration'], model_type: 'qwen2_5_vl' }
const scaling = { rope_type: 'default', type: 'default', mrope_section: [2, 2, 2] }

/** One tiny model in the three layouts that transformers has written. */
export const tinyConfigs: Record<'hub' | 'v4' | 'v5', JsonObject> = {
  hub: {
    ...kind,
    ...tinyText,
    ...tinyTokens,
    rope_theta: 10000,
    rope_scaling: { type: 'mrope', mrope_section: [2, 2, 2] },
    tie_word_embeddings: true,
    torch_dtype: 'float32',
    vision_config: tinyVision,
  },
  v4: {
    ...kind,
    ...tinyText,
    ...tinyTokens,
    rope_theta: 10000,
    rope_scaling: scaling,
    dtype: 'float32',
    text_config: {
      ...tinyText,
      model_type: 'qwen2_5_vl_text',
      dtype: 'bfloat16',
      image_token_id: null,
      rope_theta: 10000,
      rope_scaling: scaling,
      tie_word_embeddings: true,
    },
    vision_config: { ...tinyVision, in_channels: 3 },
  },
  v5: {
    ...kind,
    ...tinyTokens,
    dtype: 'float32',
    tie_word_embeddings: true,
    text_config: {
      ...tinyText,
      layer_types: ['full_attention', 'full_attention', 'full_attention'],
      sliding_window: null,
      rope_parameters: { rope_type: 'default', rope_theta: 10000, mrope_section: [2, 2, 2] },
    },
    vision_config: { ...tinyVision, in_chans: undefined, in_channels: 3 },
  },
}

export const tinyTextOnly: JsonObject = {
  ...tinyText,
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: 'float32',
}

export interface TinyTensor {
  storedName: string
  shape: number[]
  /** Every element. */
  value: number
}

/** The parameters of a tiny model with a different value in each. */
export function tinyTensors(config: JsonObject, layout: Layout = 'hub'): TinyTensor[] {
  const parameters = [...expectedParameters(parseConfig(structuredClone(config)))]
  return parameters.map(([name, shape], i) => ({ storedName: storedName(name, layout), shape, value: i + 1 }))
}

/** float32 tensors one after another, in the order given. */
export function tinyFile(tensors: readonly TinyTensor[]): Buffer {
  let end = 0
  const header: Record<string, HeaderEntry> = {}
  const data = tensors.map(({ storedName, shape, value }) => {
    const values = new Float32Array(shape.reduce((count, size) => count * size, 1)).fill(value)
    header[storedName] = { dtype: 'F32', shape, data_offsets: [end, (end += values.byteLength)] }
    return Buffer.from(values.buffer)
  })
  return safetensorsBytes(header, Buffer.concat(data))
}

/** A directory with `config.json` and, unless `files` says otherwise, all parameters in `model.safetensors`. */
export function tinyCheckpoint(config: JsonObject, files?: Record<string, Buffer | JsonObject>): string {
  const directory = temporaryDirectory()
  const contents = files ?? { 'model.safetensors': tinyFile(tinyTensors(config)) }
  for (const [name, content] of Object.entries({ 'config.json': config, ...contents })) {
    const file = path.join(directory, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, Buffer.isBuffer(content) ? content : JSON.stringify(content))
  }
  return directory
}
