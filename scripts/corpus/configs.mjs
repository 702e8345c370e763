// Damaged config.json and generation_config.json.

const file = 'config.json'

function config(name, names, change, code = 'ERR_CHECKPOINT_CONFIG') {
  return { name: `config ${name}`, code, names, damage: (files) => files.edit(file, change) }
}

const set = (name, value) => (json) => Object.assign(json, { [name]: value })
const wrong = (name, value, names = name) => config(`with ${name} ${JSON.stringify(value)}`, names, set(name, value))
const vision = (name, value, names = name) =>
  config(`with vision ${name} ${JSON.stringify(value)}`, names, (json) => set(name, value)(json.vision_config))
const without = (name) => config(`without ${name}`, name, (json) => delete json[name])
const misfit = (name, change) => config(name, 'is [', change, 'ERR_CHECKPOINT_PARAMETERS')
const content = (name, text) => ({
  name: `config ${name}`,
  code: 'ERR_CHECKPOINT_CONFIG',
  names: file,
  damage: (files) => files.write(file, text),
})

export const configCases = [
  { name: 'config missing', code: 'ERR_CHECKPOINT_NOT_FOUND', names: file, damage: (files) => files.remove(file) },
  content('of no bytes', ''),
  content('that is no JSON', '{"hidden_size": 48'),
  content('that is a list', '[]'),
  content('that is null', 'null'),
  content('with a field twice', '{"model_type": "qwen2", "model_type": "qwen2_5_vl"}'),
  content('nested deeply', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
  config(
    'of another architecture',
    'LlamaForCausalLM',
    (json) => Object.assign(json, { architectures: ['LlamaForCausalLM'], model_type: 'llama' }),
    'ERR_UNKNOWN_ARCHITECTURE',
  ),
  config('whose model_type contradicts it', 'qwen2_vl', set('model_type', 'qwen2_vl'), 'ERR_UNKNOWN_ARCHITECTURE'),
  config(
    'without architecture',
    'null',
    (json) => Object.assign(json, { architectures: [], model_type: null }),
    'ERR_UNKNOWN_ARCHITECTURE',
  ),
  ...['hidden_size', 'num_hidden_layers', 'rms_norm_eps', 'tie_word_embeddings', 'image_token_id', 'vision_config'].map(
    without,
  ),
  wrong('hidden_size', '48'),
  wrong('hidden_size', -48),
  wrong('hidden_size', 48.5),
  wrong('hidden_size', 1e9),
  wrong('hidden_size', 50),
  wrong('num_attention_heads', 0),
  wrong('num_key_value_heads', 3),
  wrong('num_hidden_layers', 0),
  wrong('num_hidden_layers', 1e12),
  wrong('vocab_size', 2 ** 40),
  wrong('vocab_size', 100, '_token_id'),
  wrong('image_token_id', 288),
  wrong('rms_norm_eps', 0),
  wrong('rope_theta', 'large'),
  wrong('hidden_act', 'gelu'),
  wrong('torch_dtype', 'float8_e4m3fn'),
  wrong('tie_word_embeddings', 'yes'),
  wrong('rope_scaling', { type: 'yarn', mrope_section: [1, 2, 3] }),
  wrong('rope_scaling', { type: 'mrope', mrope_section: [1, 2, 4] }, 'mrope_section'),
  wrong('rope_scaling', [1, 2, 3]),
  wrong('max_position_embeddings', 2 ** 31),
  wrong('quantization_config', { bits: 4 }),
  config('with sliding windows', 'use_sliding_window', (json) =>
    Object.assign(json, { use_sliding_window: true, max_window_layers: 2 }),
  ),
  vision('depth', 0),
  vision('depth', 1e6),
  vision('num_heads', 3, 'hidden_size'),
  vision('out_hidden_size', 64),
  vision('window_size', 14),
  vision('in_channels', 4),
  vision('fullatt_block_indexes', [-1]),
  vision('fullatt_block_indexes', 'all'),
  vision('patch_size', 0),
  vision('hidden_act', 'gelu'),
  misfit('of a wider model', set('intermediate_size', 65)),
  misfit('of a larger vocabulary', set('vocab_size', 300)),
  misfit('of larger patches', (json) => set('patch_size', 16)(json.vision_config)),
  config('of a deeper model', 'language_model.layers.5.', set('num_hidden_layers', 1024), 'ERR_CHECKPOINT_PARAMETERS'),
  config(
    'of a shallower model',
    'unexpected: model.layers.4',
    set('num_hidden_layers', 4),
    'ERR_CHECKPOINT_PARAMETERS',
  ),
  config(
    'of an untied model',
    'missing: lm_head.weight',
    set('tie_word_embeddings', false),
    'ERR_CHECKPOINT_PARAMETERS',
  ),
  {
    name: 'generation_config that is no JSON',
    code: 'ERR_CHECKPOINT_CONFIG',
    names: 'generation_config.json',
    damage: (files) => files.write('generation_config.json', '{"eos_token_id": 258,}'),
  },
  ...[
    ['eos_token_id', '<|im_end|>'],
    ['eos_token_id', -1],
    ['repetition_penalty', 0],
    ['repetition_penalty', 'none'],
  ].map(([name, value]) => ({
    name: `generation_config with ${name} ${JSON.stringify(value)}`,
    code: 'ERR_CHECKPOINT_CONFIG',
    names: name,
    damage: (files) => files.edit('generation_config.json', set(name, value)),
  })),
]
