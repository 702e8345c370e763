import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { benchmarks, type Item, readRows } from '../../src/data/index.ts'
import { testData } from '../data.ts'

async function itemsOf(
  name: 'mathvision' | 'mathvista' | 'mathverse' | 'gsm8k',
  file: string,
): Promise<Map<string, Item>> {
  const items = new Map<string, Item>()
  for await (const item of benchmarks[name].read(file, { images: false })) items.set(item.id, item)
  return items
}

const vision = testData('graded/mathvision.qwen-vl-max-cot.jsonl')

describe.skipIf(!vision)('3,040 graded replies to MathVision', () => {
  test('verdicts agree: ≥ 99.5 % given its extraction, ≥ 98.5 % from the raw reply; so do accuracies, overall and by subject and level', async () => {
    const items = await itemsOf('mathvision', testData('mathvision/test.jsonl')!)
    const table = JSON.parse(readFileSync(vision!.replace('.jsonl', '.result.json'), 'utf8')) as Record<string, string>
    let [total, given, raw] = [0, 0, 0]
    const counts: Record<string, { right: number; total: number }> = {}
    for await (const { value } of readRows(vision!)) {
      const item = items.get(String(value.id))!
      const verdict = benchmarks.mathvision.score(item, String(value.response)).correct
      total++
      if (benchmarks.mathvision.score(item, '', String(value.model_answer)).correct === value.correct) given++
      if (verdict === value.correct) raw++
      const { level, subject } = item.groups as Record<string, string>
      for (const group of ['-all', `-level${level}`, subject!, `-level${level}_${subject}`]) {
        const count = (counts[group] ??= { right: 0, total: 0 })
        count.total++
        if (verdict) count.right++
      }
    }
    console.log(`MathVision verdicts that agree: ${given} given the extraction, ${raw} from the raw reply, of ${total}`)
    expect(total).toBe(3040)
    expect(given / total).toBeGreaterThanOrEqual(0.995)
    expect(raw / total).toBeGreaterThanOrEqual(0.985)
    for (const [group, { right, total }] of Object.entries(counts)) {
      const [, expectedRight, expectedTotal] = /^(\d+)\/(\d+)=/.exec(table[group]!)!
      expect(total, group).toBe(Number(expectedTotal))
      expect(Math.abs(right - Number(expectedRight)) / total, group).toBeLessThanOrEqual(0.015)
    }
  })
})

const vista = testData('graded/mathvista.bard.jsonl')

describe.skipIf(!vista)('1,000 graded replies to MathVista', () => {
  test('given its extraction, every prediction and verdict agrees; from the raw reply at least 97 %', async () => {
    const items = await itemsOf('mathvista', testData('mathvista/testmini.jsonl')!)
    let [total, raw] = [0, 0]
    for await (const { value } of readRows(vista!)) {
      const item = items.get(String(value.pid))!
      const { prediction, correct } = benchmarks.mathvista.score(item, '', String(value.extraction))
      expect([item.id, prediction, correct]).toEqual([value.pid, value.prediction, value.true_false])
      if (benchmarks.mathvista.score(item, String(value.response)).correct === value.true_false) raw++
      total++
    }
    console.log(`MathVista verdicts that agree: ${total} given the extraction, ${raw} from the raw reply, of ${total}`)
    expect(total).toBe(1000)
    expect(raw).toBeGreaterThanOrEqual(970)
  })
})

const verse = testData('mathverse/testmini_text_only.json')

test.skipIf(!verse)(
  'every answer of MathVerse, boxed, is right by its own rule, and every choice question’s choices are found',
  async () => {
    const items = [...(await itemsOf('mathverse', dirname(verse!))).values()]
    expect(items).toHaveLength(788)
    for (const item of items) {
      expect(benchmarks.mathverse.score(item, `So the answer is \\boxed{${item.answer}}.`).correct, item.id).toBe(true)
      if (item.groups.question_type === 'multi-choice') expect(item.choices!.length, item.id).toBeGreaterThanOrEqual(2)
    }
  },
)

const gsm8k = testData('gsm8k/test.jsonl')

test.skipIf(!gsm8k)('every worked solution of GSM8K is right', async () => {
  const items = await itemsOf('gsm8k', gsm8k!)
  let position = 0
  for await (const { value } of readRows(gsm8k!)) {
    const item = items.get(String(position++))!
    expect(benchmarks.gsm8k.score(item, String(value.answer)).correct, item.id).toBe(true)
    expect(benchmarks.gsm8k.score(item, `Thus \\boxed{${item.answer}}`).correct, item.id).toBe(true)
  }
  expect(position).toBe(1319)
})

const images = testData('mathvision/testmini.jsonl')

test.skipIf(!images)('the 304 questions of MathVision’s testmini find their images', async () => {
  let count = 0
  for await (const { image } of benchmarks.mathvision.read(images!)) {
    expect(image).toMatch(/images\/\d+\.jpg$/)
    count++
  }
  expect(count).toBe(304)
})
