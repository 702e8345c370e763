import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { wordTokenizer } from '../../src/checkpoint/byte-tokenizer.ts'
import { Tokenizer } from '../../src/model/processor/tokenizer.ts'

let directory: string
let tokenizer: Tokenizer
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'frankentorch-words-'))
  for (const [name, contents] of Object.entries(wordTokenizer(['How many are yellow?', '3 red, 2 yellow. 3+2=5']))) {
    await writeFile(join(directory, name), JSON.stringify(contents))
  }
  tokenizer = await Tokenizer.load(directory)
})
afterAll(() => rm(directory, { recursive: true }))

test('a piece of the texts is one token', () => {
  const ids = tokenizer.encode('How many are yellow?')
  expect(ids.map((id) => tokenizer.decode([id]))).toEqual(['How', ' many', ' are', ' yellow', '?'])
  expect(ids.slice(0, 4).every((id) => id >= 278)).toBe(true)
})

test('what the texts do not have is spelled in bytes', () => {
  expect(tokenizer.encode('Ä box')).toEqual([...Buffer.from('Ä box')])
})

test('decoding gives the text back, and special tokens keep the ids of the byte tokenizer', () => {
  const text = '<|im_start|>How many are green or yellow? <|im_end|>'
  const ids = tokenizer.encode(text)
  expect([ids[0], ids.at(-1)]).toEqual([257, 258])
  expect(tokenizer.decode(ids)).toBe(text)
})

test('the same texts in another order give the same tokenizer', () => {
  expect(wordTokenizer(['b ab', 'cd'])).toEqual(wordTokenizer(['cd', 'b ab']))
})
