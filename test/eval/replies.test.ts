import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { close } from '../../src/answers/index.ts'
import { type ScoreRepliesOptions, scoreReplies, summarise } from '../../src/eval/index.ts'
import { testData } from '../data.ts'

const samples = (name: string) => fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-replies-'))
afterAll(async () => {
  rmSync(scratch, { recursive: true })
  await close()
})

let runs = 0
function options(lines: readonly object[], more: Partial<ScoreRepliesOptions> = {}): ScoreRepliesOptions {
  const run = join(scratch, String(runs++))
  const replies = `${run}.jsonl`
  writeFileSync(replies, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return { replies, task: 'mathvision', data: samples('mathvision'), out: `${run}-out`, ...more }
}

const replies = [
  { id: '4', response: 'They meet at \\boxed{(1, 0.5)}', model: 'other' },
  { id: '1', response: 'So there are \\boxed{11} dots.' },
  { id: 3, response: '\\boxed{B}' },
]

test('records come in the order of the data, with both verdicts and what led to them', async () => {
  const { records } = await scoreReplies(options(replies))
  expect(records.map(({ id }) => id)).toEqual(['1', '3', '4'])
  expect(records[0]).toMatchObject({ correct: false, correct_checked: false, extracted: '11', answer: '12' })
  expect(records[1]).toEqual({
    id: '3',
    task: 'mathvision',
    setting: 'image',
    response: '\\boxed{B}',
    extracted: 'b',
    correct: true,
    correct_checked: true,
    method: 'choice',
    prediction: 'b',
    answer: 'B',
  })
  expect(records[2]).toMatchObject({ correct: true, correct_checked: true, model: 'other' })
})

test('the files: records as lines, a summary with breakdowns and intervals, nothing temporary left', async () => {
  const given = options(replies)
  const { summary, records } = await scoreReplies(given)
  const lines = readFileSync(join(given.out, 'mathvision.jsonl'), 'utf8').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual(records)
  expect(JSON.parse(readFileSync(join(given.out, 'mathvision.summary.json'), 'utf8'))).toEqual(summary)
  expect(summary).toMatchObject({ task: 'mathvision', split: 'test', items: 4, missing: 1 })
  expect(summary.overall).toMatchObject({ total: 3, correct: 2, accuracy: 0.6667, low: 0, high: 1, unknown: 0 })
  expect(Object.keys(summary.breakdowns)).toEqual(['level', 'subject', 'level/subject'])
  expect(summary.breakdowns['level/subject']!['1/counting']).toMatchObject({ total: 1, correct: 0 })
  expect(readdirSync(given.out).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('the same command writes the same bytes; other replies in the same directory are refused unless overwritten', async () => {
  const given = options(replies)
  const files = () =>
    ['mathvision.jsonl', 'mathvision.summary.json', 'config.json'].map((name) => readFileSync(join(given.out, name)))
  await scoreReplies(given)
  const first = files()
  await scoreReplies(given)
  expect(files()).toEqual(first)
  const other = options(replies.slice(1), { out: given.out })
  await expect(scoreReplies(other)).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
  const { records } = await scoreReplies({ ...other, overwrite: true })
  expect(records).toHaveLength(2)
})

test('an extraction made elsewhere takes the place of ours in the benchmark’s rule', async () => {
  const lines = [
    { pid: '1', response: 'The middle one.', extraction: '(B)' },
    { pid: '3', response: '', extraction: '0.51' },
  ]
  const given = options(lines, { task: 'mathvista', data: samples('mathvista'), extraction: 'extraction' })
  const { records, summary } = await scoreReplies(given)
  expect(records.map(({ prediction, correct }) => [prediction, correct])).toEqual([
    ['Lime Green', true],
    ['0.5', true],
  ])
  // one item, two skills: it counts in both
  expect(Object.keys(summary.breakdowns.skills!)).toEqual(['algebraic reasoning', 'statistical reasoning'])
  expect(summary.breakdowns.skills!['statistical reasoning']!.total).toBe(2)
})

test('one question may be answered in several settings', async () => {
  const lines = [
    { id: '1', response: '12', setting: 'black' },
    { id: '1', response: '12' },
  ]
  const { records } = await scoreReplies(options(lines))
  expect(records.map(({ setting }) => setting)).toEqual(['black', 'image'])
})

describe('refused, with the line:', () => {
  test.each([
    [
      'an id that is no question’s',
      [{ id: '99', response: 'x' }],
      /\.jsonl:1 names '99', which is none of the 4 questions/,
    ],
    ['no id', [{ response: 'x' }], /Expected the id of a mathvision question at .*\.jsonl:1/],
    ['no response', [{ id: '1' }], /\.jsonl:1\.response/],
    ['two replies to one question', [replies[0]!, replies[0]!], /Two replies to '4' in setting image: .*:1 and .*:2/],
  ])('%s', async (_, lines, message) => {
    const given = options(lines)
    await expect(scoreReplies(given)).rejects.toThrow(message)
    await expect(scoreReplies(given)).rejects.toMatchObject({ code: 'ERR_DATA' })
  })
})

test('an abort ends it and leaves no records', async () => {
  const given = options(replies, { signal: AbortSignal.abort() })
  await expect(scoreReplies(given)).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  expect(readdirSync(given.out).filter((name) => name.startsWith('mathvision'))).toEqual([])
})

test('no replies: the summary says null, not zero', () => {
  expect(summarise([], [['level']])).toEqual({ overall: null, breakdowns: { level: {} } })
})

const graded = testData('graded/mathvision.qwen-vl-max-cot.jsonl')

test.skipIf(!graded)(
  '400 real replies: the accuracy the benchmark’s verdicts give, and a checked accuracy beside it',
  async () => {
    const lines = readFileSync(graded!, 'utf8')
      .split('\n', 400)
      .map((line) => JSON.parse(line) as { correct: boolean })
    const data = testData('mathvision/test.jsonl')!
    const { overall, missing } = (await scoreReplies(options(lines, { data }))).summary
    console.log(`MathVision, 400 replies of qwen-vl-max-cot: ${JSON.stringify(overall)}`)
    expect(missing).toBe(3040 - 400)
    expect(Math.abs(overall!.correct - lines.filter(({ correct }) => correct).length)).toBeLessThanOrEqual(6)
    // normal approximation of a 95 % interval at 10 % to 20 %: ± 1.96 · √(p (1 − p) / 400) = ± 0.03 to 0.04
    expect(overall!.high - overall!.low).toBeGreaterThan(0.05)
    expect(overall!.high - overall!.low).toBeLessThan(0.09)
    expect(overall!.unknown).toBeLessThan(20)
  },
)
