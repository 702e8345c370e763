import { writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectedParameters } from '../../src/checkpoint/architecture.ts'
import { parseConfig, readConfig } from '../../src/checkpoint/config.ts'
import { readGenerationConfig } from '../../src/checkpoint/generation-config.ts'
import type { JsonObject } from '../../src/checkpoint/json.ts'
import { FrankentorchError } from '../../src/errors.ts'
import { temporaryDirectory, tinyConfigs, tinyTextOnly, tinyVision } from './files.ts'

/** `config` with the field at a dotted path set, or removed when the value is undefined. */
function changed(config: JsonObject, field: string, value?: unknown): JsonObject {
  const copy = structuredClone(config)
  const names = field.split('.')
  const object = names.slice(0, -1).reduce((inner, name) => inner[name] as JsonObject, copy)
  if (value === undefined) delete object[names.at(-1)!]
  else object[names.at(-1)!] = value
  return copy
}

function refuses(config: JsonObject, code: string, message: RegExp) {
  expect(() => parseConfig(config)).toThrowError(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  )
}

const { hub, v4, v5 } = tinyConfigs

test('the three layouts of config.json give the same config', () => {
  expect(parseConfig(v4)).toEqual(parseConfig(hub))
  expect(parseConfig(v5)).toEqual(parseConfig(hub))
  expect(parseConfig(hub)).toMatchObject({
    headDim: 12,
    ropeTheta: 10000,
    mropeSection: [2, 2, 2],
    tieWordEmbeddings: true,
    torchDtype: 'float32',
    eosTokenIds: [258],
    padTokenId: null,
    vision: { hiddenSize: 16, fullattBlockIndexes: [1], inChannels: 3, tokensPerSecond: 2 },
  })
})

test('a text-only config has no vision and no rotary sections', () => {
  const config = parseConfig({ ...tinyTextOnly, head_dim: 16 })
  expect(config).toMatchObject({
    architecture: 'Qwen2ForCausalLM',
    vision: null,
    mropeSection: [],
    imageTokenId: null,
    headDim: 16,
  })
})

// Figures of the public configs; counts as transformers reports them.
test.each([
  [
    '3B',
    {
      hidden_size: 2048,
      num_hidden_layers: 36,
      num_attention_heads: 16,
      num_key_value_heads: 2,
      intermediate_size: 11008,
      vocab_size: 151936,
      tie_word_embeddings: true,
    },
    824,
    3_754_622_976,
  ],
  [
    '7B',
    {
      hidden_size: 3584,
      num_hidden_layers: 28,
      num_attention_heads: 28,
      num_key_value_heads: 4,
      intermediate_size: 18944,
      vocab_size: 152064,
      tie_word_embeddings: false,
    },
    729,
    8_292_166_656,
  ],
])('the released %s has the parameters it has', (_, sizes, tensors, parameters) => {
  const config = parseConfig({
    ...hub,
    ...sizes,
    rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
    vision_config: {
      ...tinyVision,
      depth: 32,
      hidden_size: 1280,
      intermediate_size: 3420,
      num_heads: 16,
      out_hidden_size: sizes.hidden_size,
    },
  })
  const shapes = [...expectedParameters(config).values()]
  expect(shapes).toHaveLength(tensors)
  expect(shapes.reduce((sum, shape) => sum + shape.reduce((count, size) => count * size, 1), 0)).toBe(parameters)
})

test('vision fields that transformers 4.49–4.51 leaves out have the released values', () => {
  const written = {
    hidden_size: 1280,
    in_chans: 3,
    model_type: 'qwen2_5_vl',
    spatial_patch_size: 14,
    tokens_per_second: 2,
  }
  expect(parseConfig({ ...hub, vision_config: written }).vision).toEqual({
    depth: 32,
    hiddenSize: 1280,
    intermediateSize: 3420,
    numHeads: 16,
    outHiddenSize: 24,
    patchSize: 14,
    spatialMergeSize: 2,
    temporalPatchSize: 2,
    inChannels: 3,
    windowSize: 112,
    fullattBlockIndexes: [7, 15, 23, 31],
    tokensPerSecond: 2,
  })
})

test('a head tied in text_config alone is tied, whatever default the root repeats', () => {
  expect(parseConfig(changed(v4, 'tie_word_embeddings', false)).tieWordEmbeddings).toBe(true)
})

test('the dtype of the root goes before that of text_config', () => {
  expect(parseConfig(changed(v4, 'dtype', 'bfloat16')).torchDtype).toBe('bfloat16')
  expect(parseConfig(changed(hub, 'torch_dtype')).torchDtype).toBeNull()
})

describe('a field that is missing is named', () => {
  const needed = [
    'hidden_size',
    'num_hidden_layers',
    'num_attention_heads',
    'num_key_value_heads',
    'intermediate_size',
    'vocab_size',
    'rms_norm_eps',
    'rope_theta',
    'max_position_embeddings',
    'tie_word_embeddings',
    'hidden_act',
    'image_token_id',
    'video_token_id',
    'vision_start_token_id',
    'vision_end_token_id',
    'vision_config',
    'vision_config.hidden_size',
    'vision_config.tokens_per_second',
  ]
  test.each(needed)('%s', (field) =>
    refuses(changed(hub, field), 'ERR_CHECKPOINT_CONFIG', new RegExp(`${field}: .*(missing|null)`)),
  )

  test('mrope_section', () => {
    refuses(changed(hub, 'rope_scaling'), 'ERR_CHECKPOINT_CONFIG', /mrope_section/)
    refuses(changed(v5, 'text_config.rope_parameters.mrope_section'), 'ERR_CHECKPOINT_CONFIG', /mrope_section/)
  })
})

const impossible: [string, JsonObject, RegExp][] = [
  ['a hidden size of 0', changed(hub, 'hidden_size', 0), /hidden_size: expected an integer between 1/],
  ['a hidden size that is text', changed(hub, 'hidden_size', '24'), /hidden_size: .*found "24"/],
  ['half a layer', changed(hub, 'num_hidden_layers', 2.5), /num_hidden_layers/],
  [
    'a billion layers',
    changed(hub, 'num_hidden_layers', 1e9),
    /num_hidden_layers: expected an integer between 1 and 1024/,
  ],
  ['a vocabulary of 2^60', changed(hub, 'vocab_size', 2 ** 60), /vocab_size/],
  ['heads that do not divide the width', changed(hub, 'num_attention_heads', 7), /hidden_size: expected a multiple/],
  [
    'key heads that do not divide the heads',
    { ...hub, num_attention_heads: 2, num_key_value_heads: 3 },
    /num_key_value_heads: expected a divisor/,
  ],
  ['a negative epsilon', changed(hub, 'rms_norm_eps', -1e-6), /rms_norm_eps/],
  ['a theta of 0', changed(hub, 'rope_theta', 0), /rope_theta/],
  [
    'sections that do not fill half a head',
    changed(hub, 'rope_scaling.mrope_section', [2, 2, 3]),
    /mrope_section: .*half the head dimension, 6/,
  ],
  ['two sections', changed(hub, 'rope_scaling.mrope_section', [3, 3]), /mrope_section: expected three/],
  ['a head dimension of its own', { ...hub, head_dim: 8 }, /head_dim: expected hidden_size/],
  ['an odd head dimension', { ...tinyTextOnly, head_dim: 7 }, /head_dim: expected an even number/],
  [
    'an image token outside the vocabulary',
    changed(hub, 'image_token_id', 288),
    /image_token_id: expected an integer between 0 and 287/,
  ],
  ['a stop token that is text', changed(hub, 'eos_token_id', 'x'), /eos_token_id/],
  ['an unknown dtype', changed(hub, 'torch_dtype', 'float8_e4m3fn'), /torch_dtype: .*float8/],
  ['an empty vision tower', changed(hub, 'vision_config.depth', 0), /vision_config\.depth/],
  [
    'vision heads that do not fit',
    changed(hub, 'vision_config.num_heads', 3),
    /vision_config\.hidden_size: expected a multiple/,
  ],
  [
    'a vision output of another width',
    changed(hub, 'vision_config.out_hidden_size', 16),
    /vision_config\.out_hidden_size: expected the decoder's/,
  ],
  ['four colour channels', changed(hub, 'vision_config.in_chans', 4), /vision_config\.in_chans/],
  ['a window smaller than a token', changed(hub, 'vision_config.window_size', 27), /vision_config\.window_size/],
  [
    'a vision activation we lack',
    changed(hub, 'vision_config.hidden_act', 'gelu'),
    /vision_config\.hidden_act: expected 'silu'/,
  ],
  ['an activation we lack', changed(hub, 'hidden_act', 'gelu'), /hidden_act: expected 'silu' but found "gelu"/],
  [
    'scaled rotary positions',
    { ...tinyTextOnly, rope_scaling: { type: 'yarn', factor: 4 } },
    /rope_scaling\.type: expected default but found "yarn"/,
  ],
  [
    'scaled rotary positions, as 5.x writes them',
    changed(v5, 'text_config.rope_parameters.rope_type', 'dynamic'),
    /rope_parameters\.rope_type/,
  ],
  [
    'sliding windows in use',
    { ...tinyTextOnly, use_sliding_window: true, max_window_layers: 1 },
    /use_sliding_window: sliding-window/,
  ],
  [
    'sliding windows in use, as 5.x writes them',
    changed(v5, 'text_config.layer_types', ['full_attention', 'sliding_attention', 'full_attention']),
    /layer_types/,
  ],
  ['quantized weights', { ...hub, quantization_config: { quant_method: 'awq' } }, /quantized/],
  [
    'a root that contradicts text_config',
    changed(v4, 'text_config.hidden_size', 48),
    /hidden_size = 24 contradicts text_config\.hidden_size = 48/,
  ],
  ['two values of theta', changed(v4, 'text_config.rope_theta', 1e6), /rope_theta: 10000 contradicts 1000000/],
]
test.each(impossible)('%s is refused', (_, config, message) => refuses(config, 'ERR_CHECKPOINT_CONFIG', message))

test('sliding windows that begin beyond the last layer are not in use', () => {
  expect(parseConfig({ ...tinyTextOnly, use_sliding_window: true, max_window_layers: 3 }).numHiddenLayers).toBe(3)
})

test.each([
  { architectures: ['Qwen2VLForConditionalGeneration'], model_type: 'qwen2_vl' },
  { architectures: ['Qwen2_5_VLForConditionalGeneration'], model_type: 'qwen2_vl' },
  { architectures: ['constructor'] },
  { model_type: 'llama' },
  { model_type: 'toString' },
  { architectures: 3 },
  {},
])('another architecture is refused with those supported: %j', (kind) => {
  const { architectures: _, model_type: __, ...rest } = hub
  refuses({ ...rest, ...kind }, 'ERR_UNKNOWN_ARCHITECTURE', /Qwen2_5_VLForConditionalGeneration or Qwen2ForCausalLM/)
})

test('whatever a field holds, a config is read or refused with a code', () => {
  const fields = Object.keys(hub).concat(Object.keys(tinyVision).map((name) => `vision_config.${name}`))
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(0, -1, 2 ** 53, 1e308, [], {}))
  fc.assert(
    fc.property(fc.constantFrom(...fields), value, (field, value) => {
      try {
        expect(expectedParameters(parseConfig(changed(hub, field, value))).size).toBeLessThan(30_000)
      } catch (thrown) {
        if (!(thrown instanceof FrankentorchError)) throw thrown
      }
    }),
    { numRuns: 3000 },
  )
})

describe('from a directory', () => {
  const directoryWith = (name: string, text: string) => {
    const directory = temporaryDirectory()
    writeFileSync(path.join(directory, name), text)
    return directory
  }

  test('a missing config.json is not found', async () => {
    await expect(readConfig(temporaryDirectory())).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT_NOT_FOUND',
      message: expect.stringContaining('config.json does not exist'),
    })
  })

  test.each(['', '{', '[]', 'null', '{"a":1,"a":2}', `{"a":${'['.repeat(200)}${']'.repeat(200)}}`])(
    'config.json with %j is refused',
    async (text) => {
      await expect(readConfig(directoryWith('config.json', text))).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT_CONFIG',
      })
    },
  )

  test('generation_config.json gives stop ids and penalty; its sampling fields are reported and ignored', async () => {
    const text =
      '{"bos_token_id":1,"pad_token_id":1,"do_sample":true,"eos_token_id":[2,1],"repetition_penalty":1.05,"temperature":0.1,"top_k":1}'
    expect(await readGenerationConfig(directoryWith('generation_config.json', text), parseConfig(hub))).toEqual({
      eosTokenIds: [2, 1],
      bosTokenId: 1,
      padTokenId: 1,
      repetitionPenalty: 1.05,
      ignored: ['do_sample', 'temperature', 'top_k'],
    })
  })

  test('without generation_config.json the ids of config.json hold', async () => {
    expect(await readGenerationConfig(temporaryDirectory(), parseConfig(hub))).toMatchObject({
      eosTokenIds: [258],
      repetitionPenalty: 1,
    })
  })

  test('a penalty that is no number is refused', async () => {
    const directory = directoryWith('generation_config.json', '{"repetition_penalty":"high"}')
    await expect(readGenerationConfig(directory, parseConfig(hub))).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT_CONFIG',
      message: expect.stringContaining('repetition_penalty'),
    })
  })
})
