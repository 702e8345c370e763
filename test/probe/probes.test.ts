import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { close } from '../../src/answers/index.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { attention, gather, reasoning, vision } from '../../src/probe/index.ts'
import { matches, movedToSource } from '../../src/probe/matches.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { fixture } from '../processor/fixture.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-probes-'))
let model: VisionLanguageModel
beforeAll(async () => {
  await native().setNumThreads(1)
  model = await VisionLanguageModel.load(fixture('models/hub-tied'))
})
afterAll(async () => {
  await model.dispose()
  await close()
  rmSync(scratch, { recursive: true })
})

function pairs(count: number): string {
  const directory = mkdtempSync(join(scratch, 'data-'))
  mkdirSync(join(directory, 'counting'))
  const line = (i: number) =>
    i === 1
      ? '{"id": '
      : JSON.stringify({
          id: `c${i}`,
          target_image: i === 2 ? '../none.png' : '../pair-target.png',
          source_image: '../pair-source.png',
          prompt: `How many? ${i}`,
          meta: { target_answer: '3', source_answer: '10' },
        })
  writeFileSync(join(directory, 'counting/data.jsonl'), Array.from({ length: count }, (_, i) => line(i)).join('\n'))
  for (const image of ['pair-target.png', 'pair-source.png']) cpSync(fixture(`images/${image}`), join(directory, image))
  return directory
}

function questions(count: number): string {
  const file = join(mkdtempSync(join(scratch, 'questions-')), 'test.jsonl')
  const line = (i: number) => JSON.stringify({ question: `What is ${i} + 1?`, answer: `${i} + 1\n#### ${i + 1}` })
  writeFileSync(file, Array.from({ length: count }, (_, i) => line(i)).join('\n'))
  return file
}

function contents(directory: string): Record<string, string> {
  const files = (readdirSync(directory, { recursive: true }) as string[]).filter(
    (name) => statSync(join(directory, name)).isFile() && !/^(journal|timings)\.jsonl$/.test(name),
  )
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(directory, name), 'latin1')]))
}

test('gathered shards of the vision probe are the run that was never split, failures included', async () => {
  const data = pairs(5)
  const options = { data, maxNewTokens: 4, mismatch: 'resample' as const }
  const whole = await vision(model, { ...options, out: join(scratch, 'whole') })
  expect(whole.failures.map(({ sample }) => sample)).toEqual(['counting/line 2', 'counting/c2'])
  for (const index of [1, 2, 3]) {
    await vision(model, { ...options, maxMemory: 1, shard: { index, count: 3 }, out: join(scratch, `part-${index}`) })
  }
  await expect(gather([join(scratch, 'part-1')], { out: join(scratch, 'gathered') })).rejects.toMatchObject({
    code: 'ERR_RUN_MISMATCH',
  })
  const parts = [3, 1, 2].map((index) => join(scratch, `part-${index}`))
  await gather(parts, { out: join(scratch, 'gathered') })
  expect(contents(join(scratch, 'gathered'))).toEqual(contents(join(scratch, 'whole')))
}, 120_000)

test('only, window, keys or values alone: each with its layers', async () => {
  const data = pairs(1)
  const run = (more: object) => vision(model, { data, maxNewTokens: 3, mismatch: 'resample', ...more })
  expect((await run({ mode: 'only', tensors: 'k' })).records.map(({ swapped_layers }) => swapped_layers)).toEqual(
    [0, 1, 2, 3, 4].map((layer) => [layer, layer]),
  )
  expect((await run({ mode: 'window:3', tensors: 'v' })).records.map(({ layer }) => layer)).toEqual([0, 1, 2])
  await expect(run({ compat: true, tensors: 'k' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
}, 120_000)

test.each([
  ['layer', 'zero', 6],
  ['head', 'zero', 21],
  ['mlp', 'mean', 6],
  ['layer', 'mean', 6],
  ['block', 'zero', 4],
] as const)(
  'reasoning without each %s by %s ablation',
  async (ablate, ablation, names) => {
    const before = memory().tensors
    const out = join(scratch, `${ablate}-${ablation}`)
    const options = {
      data: questions(4),
      dataset: 'gsm8k',
      samples: 3,
      maxNewTokens: 4,
      ablate,
      ablation,
      out,
    } as const
    const { summaries, records } = await reasoning(model, options)
    expect(summaries).toHaveLength(names)
    expect(summaries[0]).toMatchObject({ experiment: 'baseline', ablated_layer: null, total: 3 })
    expect(records).toHaveLength(3 * names)
    expect(readdirSync(join(out, summaries[1]!.experiment)).sort()).toEqual(['gsm8k.jsonl', 'summary.json'])
    expect(memory().tensors).toBe(before)
  },
  120_000,
)

describe('a broken question', () => {
  /** A line that is no JSON, one without an answer, an image that is missing and one that cannot be read, between whole ones. */
  function broken({ only = false } = {}): string {
    const directory = mkdtempSync(join(scratch, 'broken-'))
    cpSync(fixture('images/pair-target.png'), join(directory, 'whole.png'))
    writeFileSync(join(directory, 'torn.png'), readFileSync(fixture('images/pair-target.png')).subarray(0, 60))
    const question = (id: string, image?: string) => {
      const content = [...(image ? [{ type: 'image', image }] : []), { type: 'text', text: `What is ${id}?` }]
      return JSON.stringify({ id, messages: [{ role: 'user', content }], answer: '2' })
    }
    const whole = [question('a'), question('f', 'whole.png'), question('g')]
    const lines = [
      whole[0],
      '{"id": ',
      '{"id": "c"}',
      question('d', 'none.png'),
      question('e', 'torn.png'),
      ...whole.slice(1),
    ]
    writeFileSync(join(directory, 'test.jsonl'), (only ? whole : lines).join('\n'))
    return join(directory, 'test.jsonl')
  }

  test.each(['zero', 'mean'] as const)(
    'is recorded with the reason, and the next is answered as ever (%s)',
    async (ablation) => {
      const out = mkdtempSync(join(scratch, 'out-'))
      const options = { maxNewTokens: 4, ablation, layers: [0, 2] }
      const before = memory().tensors
      const { failures, records, summaries } = await reasoning(model, { ...options, data: broken(), out })
      expect(memory().tensors).toBe(before)
      expect(failures.map(({ sample, code }) => [sample, code])).toEqual([
        ['test.jsonl:2', 'ERR_DATA'],
        ['test.jsonl:3', 'ERR_DATA'],
        ['test.jsonl:4', 'ERR_DATA'],
        ['e', 'ERR_IMAGE'],
      ])
      expect(failures.map(({ message }) => message)).toEqual([
        expect.stringContaining('one JSON object'),
        expect.stringContaining('messages'),
        expect.stringContaining('none.png'),
        expect.stringContaining('torn.png'),
      ])
      expect(summaries.map(({ total, failures }) => [total, failures])).toEqual(Array(3).fill([3, 4]))
      const undisturbed = await reasoning(model, {
        ...options,
        data: broken({ only: true }),
        out: mkdtempSync(join(scratch, 'out-')),
      })
      expect(records).toEqual(undisturbed.records)
      const again = await reasoning(model, {
        ...options,
        data: broken(),
        out: mkdtempSync(join(scratch, 'out-')),
        shard: { index: 2, count: 7 },
      })
      expect(again.failures).toHaveLength(1)
    },
    120_000,
  )

  test('of the attention probe likewise', async () => {
    const out = mkdtempSync(join(scratch, 'out-'))
    const options = { maxNewTokens: 4 }
    const { failures, records, summary } = await attention(model, { ...options, data: pairs(5), out })
    expect(failures.map(({ sample, code }) => [sample, code])).toEqual([
      ['counting/line 2', 'ERR_DATA'],
      ['counting/c2', 'ERR_IMAGE'],
    ])
    expect(summary.failures).toBe(2)
    expect(JSON.parse(readFileSync(join(out, 'attention_mass.json'), 'utf8'))).toMatchObject({ failures: 2 })
    expect(records.map(({ sample_id }) => sample_id)).toEqual(['c0', 'c3', 'c4'])
    const whole = await attention(model, { ...options, data: pairs(1) })
    expect({ ...records[0], model_sha256: null }).toEqual(whole.records[0])
  }, 120_000)
})

test('attention masses are probabilities, and those of a model less its own are 0', async () => {
  const { summary, records } = await attention(model, { data: pairs(1), maxNewTokens: 4, versus: model })
  expect(records).toHaveLength(1)
  expect(summary.layers).toHaveLength(5)
  for (const { question, generated, heads } of summary.layers) {
    for (const mass of [question!, generated!, ...heads!]) {
      expect(mass).toBeGreaterThan(0)
      expect(mass).toBeLessThan(1)
    }
  }
  for (const { question, generated } of summary.difference!) expect([question, generated]).toEqual([0, 0])
}, 120_000)

test('a box is looked for in the pixels that the model saw', () => {
  // 100 × 50 pixels become 112 × 56; a box of the reply lies where the scaled one does, and not where the given one does
  const known = '[80, 10, 90, 20]'
  expect(matches('[89.6, 11.2, 100.8, 22.4]', known, undefined, [1.12, 1.12]).iouTarget).toBeCloseTo(1, 6)
  expect(matches('[89.6, 11.2, 100.8, 22.4]', known, undefined)).toMatchObject({ target: false })
})

test('an answer matches by box, by number or by words', () => {
  expect(matches('There are three.', '3', '10')).toEqual({ target: true, source: false })
  expect(matches('yes, it is', 'No', 'Yes')).toEqual({ target: false, source: true })
  expect(matches('[0, 0, 10, 10]', '[0, 0, 10, 10]', '[5, 0, 15, 10]')).toMatchObject({ target: true, source: false })
  expect(matches('none', '[0, 0, 10, 10]', '[5, 0, 15, 10]')).toMatchObject({ iouTarget: 0, source: false })
  const [three, ten] = [matches('3', '3', '10'), matches('10', '3', '10')]
  expect(movedToSource(three, ten, '3', '10')).toBe(true)
  expect(movedToSource(three, three, '3', '10')).toBe(false)
  expect(movedToSource(three, ten, '3', '3')).toBeNull()
})
