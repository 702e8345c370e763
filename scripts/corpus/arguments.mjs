// Messages and arguments that must be refused. Those that JSON cannot hold are in test/misuse/arguments.test.ts.

function messages(name, value, names, code = 'ERR_MESSAGES') {
  return { kind: 'messages', name: `messages ${name}`, code, names, messages: value }
}

const user = (...content) => [{ role: 'user', content }]
const text = { type: 'text', text: 'Hi' }
const pixel = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'
const image = { type: 'image', image: pixel }

export const messageCases = [
  messages('of none', [], 'messages'),
  messages('that are a text', 'Hi', 'messages'),
  messages('that are null', null, 'messages'),
  messages('that are one message', { role: 'user', content: 'Hi' }, 'messages'),
  messages('with a text among them', ['Hi'], 'messages[0]'),
  messages('without a role', [{ content: 'Hi' }], 'role'),
  messages('of another role', [{ role: 'tool', content: 'Hi' }], 'role'),
  messages('without content', [{ role: 'user' }], 'content'),
  messages('with a number for content', [{ role: 'user', content: 7 }], 'content'),
  messages('with an unknown field', [{ role: 'user', content: 'Hi', name: 'Ann' }], 'name'),
  messages('with a part that is a text', user('Hi'), 'messages[0].content[0]'),
  messages('with a part of another type', user({ type: 'audio', audio: 'a.wav' }), 'content[0].type'),
  messages('with a part of nothing', user({}), 'content[0].type'),
  messages('with a text that is a number', user({ type: 'text', text: 7 }), 'text'),
  messages('with an image of nothing', user({ type: 'image' }), 'image'),
  messages('with an image that is a number', user({ type: 'image', image: 7 }), 'image'),
  messages('with an unknown field of an image', user({ ...image, crop: true }), 'crop'),
  messages('with no pixels', user({ ...image, minPixels: 0 }), 'minPixels'),
  messages('with fractional pixels', user({ ...image, max_pixels: 1.5 }), 'maxPixels'),
  messages('with more least than most pixels', user({ ...image, minPixels: 5000, maxPixels: 4000 }), 'minPixels'),
  messages('with a height alone', user({ ...image, resizedHeight: 28 }), 'resizedWidth'),
  messages('with one field in two spellings', user({ ...image, minPixels: 1, min_pixels: 1 }), 'minPixels'),
  messages('with a video of no frames', user({ type: 'video', video: [] }), 'video'),
  messages('with frames to be sampled', user({ type: 'video', video: [pixel], nframes: 2 }), 'nframes'),
  messages('that spell out a pad', user(image, { type: 'text', text: '<|image_pad|>' }), '<|image_pad|>'),
  messages(
    'with a missing image',
    user({ type: 'image', image: '/no/such/figure.png' }, text),
    'figure.png',
    'ERR_IMAGE',
  ),
  messages(
    'with a broken data: URL',
    user({ type: 'image', image: 'data:image/png;base64,%%' }),
    'data: URL',
    'ERR_IMAGE',
  ),
  messages('with a data: URL of nothing', user({ type: 'image', image: 'data:,' }), 'data: URL', 'ERR_IMAGE'),
  messages('with a frame of another size', user({ type: 'video', video: [pixel, photo(2)] }), 'frame 1', 'ERR_IMAGE'),
  messages(
    'with a side ratio above 200 asked for',
    user({ ...image, resizedHeight: 28, resizedWidth: 28_000 }),
    'factor of',
    'ERR_IMAGE',
  ),
]

function photo(side) {
  // a GIF of side × side pixels, all of the first colour
  const gif = Buffer.from(pixel.slice(pixel.indexOf(',') + 1), 'base64')
  for (const at of [6, 8, 32, 34]) gif.writeUInt16LE(side, at)
  return `data:image/gif;base64,${gif.toString('base64')}`
}

/** `call` is a method of the model, or load; `arguments` what it is called with. */
function call(method, name, names, code, ...args) {
  return { kind: 'arguments', name: `${method} ${name}`, code, names, call: method, arguments: args }
}

const invalid = 'ERR_INVALID_ARGUMENT'
const ids = { inputIds: [[65, 66]] }
const option = (name, value) =>
  call('generate', `with ${name} ${JSON.stringify(value)}`, `options.${name}`, invalid, ids, { [name]: value })
const inputs = (name, value, names, code = invalid) =>
  call('forward', `with ${name}`, names, code, { ...ids, ...value })
const pads = (count) => ({ inputIds: [[265, ...Array(count).fill(268), 266]] })
const capture = (selector, code) =>
  call('forward', `capturing ${selector}`, selector, code, ids, { capture: [selector] })

export const argumentCases = [
  option('maxNewTokens', 0),
  option('maxNewTokens', 1.5),
  option('maxNewTokens', '3'),
  option('temperature', -1),
  option('temperature', null),
  option('topP', 0),
  option('topP', 1.1),
  option('topK', -1),
  option('repetitionPenalty', 0),
  option('seed', -1),
  option('seed', 2 ** 60),
  option('signal', {}),
  option('interventions', 'swap'),
  call('generate', 'with an unknown option', "'max_new_tokens'", 'ERR_UNKNOWN_OPTION', ids, { max_new_tokens: 3 }),
  call('generate', 'with options that are a text', 'options', invalid, ids, 'greedy'),
  call('generate', 'of a text', 'messages', 'ERR_MESSAGES', 'Hi'),
  call('generate', 'of nothing', 'messages', 'ERR_MESSAGES'),
  call('generate', 'of two rows', 'generateIds', invalid, { inputIds: [[1], [2]] }),
  call('generate', 'with an intervention of another kind', 'interventions[0].kind', invalid, ids, {
    interventions: [{ kind: 'twist', point: 'language_model.layers.0' }],
  }),
  call('generate', 'with an intervention that is null', 'interventions[0]', invalid, ids, { interventions: [null] }),
  call('forward', 'with an unknown option', "'captures'", 'ERR_UNKNOWN_OPTION', ids, { captures: [] }),
  call('forward', 'capturing a number', 'options.capture.0', invalid, ids, { capture: [7] }),
  capture('language_model.layers.5', 'ERR_UNKNOWN_LAYER'),
  capture('language_model.layers[7].mlp', 'ERR_UNKNOWN_LAYER'),
  capture('language_model.layers.0.mlp.gate', 'ERR_UNKNOWN_POINT'),
  capture('language_model.layers[3:2]', 'ERR_UNKNOWN_POINT'),
  capture('', 'ERR_UNKNOWN_POINT'),
  capture('visual.blocks.9', 'ERR_UNKNOWN_POINT'),
  inputs('no rows', { inputIds: [] }, 'one row'),
  inputs('an empty row', { inputIds: [[]] }, 'inputs.inputIds[0]'),
  inputs('ids that are text', { inputIds: [['a']] }, 'inputs.inputIds'),
  inputs('one flat row', { inputIds: [1] }, 'inputs.inputIds.0'),
  inputs('an id beyond the vocabulary', { inputIds: [[65, 288]] }, 'inputs.inputIds[0][1]'),
  inputs('a negative id', { inputIds: [[-1]] }, 'inputs.inputIds[0][0]'),
  inputs('a fractional id', { inputIds: [[0.5]] }, 'inputs.inputIds[0][0]'),
  inputs('an unknown field', { attentionMask: [[1]] }, 'attentionMask', 'ERR_UNKNOWN_OPTION'),
  inputs('more tokens than the context', { inputIds: [Array(32_769).fill(1)] }, '32768', 'ERR_CONTEXT_LENGTH'),
  inputs('pads without an image', pads(4), 'imageGridThw', 'ERR_MESSAGES'),
  inputs('an image without pads', { imageGridThw: [[1, 4, 4]] }, 'imageGridThw', 'ERR_MESSAGES'),
  inputs('more pads than the image has tokens', { ...pads(5), imageGridThw: [[1, 4, 4]] }, '4 tokens', 'ERR_MESSAGES'),
  inputs('pads of a video for an image', { inputIds: [[269]], imageGridThw: [[1, 2, 2]] }, 'Grid', 'ERR_MESSAGES'),
  inputs('grids without pixels', { ...pads(4), imageGridThw: [[1, 4, 4]] }, 'inputs.pixelValues', 'ERR_SHAPE_MISMATCH'),
  inputs('a grid of two numbers', { ...pads(4), imageGridThw: [[4, 4]] }, 'inputs.imageGridThw'),
  inputs('a grid of no rows', { ...pads(4), imageGridThw: [[1, 0, 4]] }, 'inputs.imageGridThw'),
  inputs('a negative grid', { ...pads(4), imageGridThw: [[1, -4, -4]] }, 'inputs.imageGridThw'),
  inputs('a grid of half cells', { ...pads(4), imageGridThw: [[1, 3, 4]] }, 'imageGridThw[0]', 'ERR_SHAPE_MISMATCH'),
  inputs(
    'a grid of 2^60 patches',
    { ...pads(4), imageGridThw: [[1, 2 ** 30, 2 ** 30]] },
    'imageGridThw',
    'ERR_MESSAGES',
  ),
  inputs('a grid above 2^53', { ...pads(4), imageGridThw: [[1, 2 ** 60, 2]] }, 'inputs.imageGridThw'),
  inputs('pixels that are a list', { ...pads(4), imageGridThw: [[1, 4, 4]], pixelValues: [0] }, 'inputs.pixelValues'),
  inputs('times without videos', { secondPerGridTs: [1] }, 'inputs.secondPerGridTs'),
  inputs('a negative time', { secondPerGridTs: [-1] }, 'inputs.secondPerGridTs'),
  call('visionLayout', 'of a grid of 2^60 patches', 'gridThw', 'ERR_CONTEXT_LENGTH', [[1, 2 ** 30, 2 ** 30]]),
  call('visionLayout', 'of a grid of text', 'gridThw', invalid, [['1', '2', '2']]),
  call('load', 'with a dtype none knows', 'options.dtype', 'ERR_UNKNOWN_DTYPE', { dtype: 'int4' }),
  call('load', 'with a dtype of integers', 'options.dtype', 'ERR_UNKNOWN_DTYPE', { dtype: 'int64' }),
  call('load', 'on a device none knows', "'tpu'", 'ERR_UNKNOWN_DEVICE', { device: 'tpu' }),
  call('load', 'on a device of no number', "'cuda:x'", 'ERR_UNKNOWN_DEVICE', { device: 'cuda:x' }),
  call('load', 'with an unknown option', "'torch_dtype'", 'ERR_UNKNOWN_OPTION', { torch_dtype: 'float32' }),
]
