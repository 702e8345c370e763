import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { type CheckOptions, checkAnswer, close } from '../../src/answers/index.ts'

// Written and labelled by hand before the checker saw them; `why` where the label may surprise.
interface Pair extends CheckOptions {
  response?: string
  gold: string
  correct: boolean | 'unknown'
  kind: string
  why?: string
}

const pairs = readFileSync(new URL('labelled.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Pair)

afterAll(close)

test('at least 98 % of the pairs labelled by hand are judged as labelled', async () => {
  const mistakes: string[] = []
  for (const { response = '', gold, correct, kind, why, ...options } of pairs) {
    const verdict = await checkAnswer(response, gold, options)
    if (verdict.correct !== correct) {
      mistakes.push(`${kind}: ${verdict.extracted} for ${gold} is ${correct}, not ${verdict.correct} ${why ?? ''}`)
    }
  }
  if (mistakes.length > 0) console.warn(`${mistakes.length} of ${pairs.length}:\n${mistakes.join('\n')}`)
  expect(pairs.length).toBeGreaterThanOrEqual(200)
  expect(1 - mistakes.length / pairs.length).toBeGreaterThanOrEqual(0.98)
})

test('no wrong pair is called correct', async () => {
  const wrong = pairs.filter(({ correct }) => correct === false)
  for (const { response = '', gold, correct: _, kind, why: __, ...options } of wrong) {
    const verdict = await checkAnswer(response, gold, options)
    expect(verdict.correct, `${kind}: ${verdict.extracted} for ${gold}`).not.toBe(true)
  }
  expect(wrong.length).toBeGreaterThan(80)
})
