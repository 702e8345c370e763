// Damaged tokenizers, chat templates and preprocessor settings.

const tokenizer = 'tokenizer.json'

function content(file, name, text, code = 'ERR_TOKENIZER', names = file) {
  return { name: `${file} ${name}`, code, names, damage: (files) => files.write(file, text) }
}

function edited(file, name, names, change, code = 'ERR_TOKENIZER') {
  return { name: `${file} ${name}`, code, names, damage: (files) => files.edit(file, change) }
}

const tokenizers = [
  { name: `${tokenizer} missing`, code: 'ERR_TOKENIZER', names: tokenizer, damage: (files) => files.remove(tokenizer) },
  content(tokenizer, 'of no bytes', ''),
  content(tokenizer, 'that is an object of nothing', '{}'),
  content(tokenizer, 'that is a list', '[]'),
  content(tokenizer, 'of bytes that are no text', Buffer.from([0xff, 0xfe, 0, 1])),
  edited(tokenizer, 'of another kind', 'model.type', ({ model }) => Object.assign(model, { type: 'WordPiece' })),
  edited(tokenizer, 'without a vocabulary', 'model.vocab', ({ model }) => delete model.vocab),
  edited(tokenizer, 'with a negative id', 'model.vocab', ({ model }) => Object.assign(model.vocab, { '!': -1 })),
  edited(tokenizer, 'with an id that is text', 'model.vocab', ({ model }) => Object.assign(model.vocab, { '!': '0' })),
  edited(tokenizer, 'with a vocabulary that is a list', 'model.vocab', ({ model }) =>
    Object.assign(model, { vocab: [] }),
  ),
  edited(tokenizer, 'with merges of three', 'model.merges', ({ model }) =>
    Object.assign(model, { merges: [['a', 'b', 'c']] }),
  ),
  edited(tokenizer, 'with another decoder', 'decoder.type', (json) =>
    Object.assign(json, { decoder: { type: 'WordPiece' } }),
  ),
  edited(tokenizer, 'with an added token without text', 'added_tokens', ({ added_tokens: [token] }) =>
    Object.assign(token, { content: '' }),
  ),
  edited(tokenizer, 'with a pattern that is none', tokenizer, ({ pre_tokenizer: { pretokenizers } }) =>
    Object.assign(pretokenizers[0], { pattern: { Regex: '(' } }),
  ),
  edited(tokenizer, 'with an unknown step', tokenizer, (json) =>
    Object.assign(json, { normalizer: { type: 'Rot13' } }),
  ),
  content('tokenizer_config.json', 'that is no JSON', '{,}'),
  content('tokenizer_config.json', 'that is a text', '"Qwen2Tokenizer"'),
]

const template = (name, source) =>
  edited('chat_template.json', name, 'chat template', (json) => Object.assign(json, { chat_template: source }))

const templates = [
  template('that does not parse', '{% for message in messages %}'),
  template('with an unclosed expression', "{{ messages[0]['content'"),
  template('with an unknown tag', '{% include "other" %}'),
  template('with an unknown filter', '{{ messages | rot13 }}'),
  template('with an unknown function', '{{ open("/etc/passwd") }}'),
  edited('chat_template.json', 'that is a number', 'chat_template', (json) =>
    Object.assign(json, { chat_template: 7 }),
  ),
  content('chat_template.json', 'that is no JSON', '{% for %}'),
]

const settings = 'preprocessor_config.json'
const preprocessor = (name, value) =>
  edited(
    settings,
    `with ${name} ${JSON.stringify(value)}`,
    name,
    (json) => Object.assign(json, { [name]: value }),
    'ERR_CHECKPOINT_CONFIG',
  )

const preprocessors = [
  content(settings, 'that is no JSON', '', 'ERR_CHECKPOINT_CONFIG'),
  preprocessor('patch_size', 0),
  preprocessor('patch_size', '14'),
  preprocessor('merge_size', 1.5),
  preprocessor('image_mean', [0.5]),
  preprocessor('image_std', [0.5, 0, 0.5]),
  preprocessor('min_pixels', -1),
  preprocessor('min_pixels', 1e12),
  preprocessor('resample', 1),
  preprocessor('do_resize', false),
  preprocessor('rescale_factor', 0),
  edited(
    settings,
    'of another model',
    'CLIPImageProcessor',
    (json) => Object.assign(json, { image_processor_type: 'CLIPImageProcessor' }),
    'ERR_CHECKPOINT_CONFIG',
  ),
]

// These open; an image shows that settings and weights do not belong together.
const misfits = [
  ['patch_size', 16, 'ERR_SHAPE_MISMATCH', 'pixelValues'],
  ['temporal_patch_size', 1, 'ERR_SHAPE_MISMATCH', 'pixelValues'],
  ['merge_size', 4, 'ERR_MESSAGES', 'imageGridThw'],
  ['merge_size', 1, 'ERR_SHAPE_MISMATCH', 'imageGridThw'],
].map(([name, value, code, names]) => ({
  ...preprocessor(name, value),
  kind: 'checkpoint for an image',
  code,
  names,
}))

export const sideFileCases = [...tokenizers, ...templates, ...preprocessors, ...misfits]
