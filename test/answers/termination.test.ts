import { execFileSync } from 'node:child_process'
import { afterAll, expect, test } from 'vitest'
import { checkAnswer, close, equivalent, extractAnswer } from '../../src/answers/index.ts'

afterAll(close)

// goal 2 s of work; four times that on a busy machine
const bound = 8000

async function within<Result>(work: () => Promise<Result>): Promise<Result> {
  const start = performance.now()
  const result = await work()
  expect(performance.now() - start).toBeLessThan(bound)
  return result
}

test.each([
  ['a power tower', '9^{9^{9^9}}'],
  ['a large factorial', '100000!'],
  ['factorials of factorials', '((9!)!)!'],
  ['ten thousand braces', `${'{'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['ten thousand fractions', `${'\\frac{1}{'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['ten thousand open parentheses', '('.repeat(10_000)],
  ['a megabyte of digits', '7'.repeat(1 << 20)],
  ['a megabyte of dollars', '$1'.repeat(1 << 19)],
  ['a megabyte of boxes', '\\boxed{'.repeat(150_000)],
  ['a megabyte of fractions', '\\frac12'.repeat(150_000)],
  ['a long sum', Array.from({ length: 400 }, (_, i) => `x_{${i}}`).join('+')],
  ['a long list', Array.from({ length: 500 }, (_, i) => i).join(',')],
  ['deep tuples', `${'('.repeat(20)}1${',2)'.repeat(20)}`],
])('%s is judged in time', async (_, text) => {
  expect((await within(() => checkAnswer(text, '5'))).correct).not.toBe(true)
  expect((await within(() => checkAnswer('', '5', { extracted: text }))).correct).not.toBe(true)
  expect(await within(() => equivalent(text, 'x+5'))).not.toBe(true)
  expect(await within(() => equivalent(text, text))).toBe(true)
})

test('a comparison that does not end is killed, and the next one works', async () => {
  const endless = await within(() => checkAnswer('', '5', { extracted: '\\sum_{k=1}^{10^{9}} \\frac{i}{k}' }))
  expect(endless).toMatchObject({ correct: 'unknown', method: 'timeout' })
  expect(await within(() => equivalent('(x+1)^2', 'x^2+2x+1'))).toBe(true)
})

test.each([
  ['open tags', '<answer>'.repeat(130_000)],
  ['phrases', 'the answer is '.repeat(75_000)],
  ['words', 'a '.repeat(500_000)],
  ['newlines', '\n'.repeat(1 << 20)],
  ['answers of nothing', 'answer to the '.repeat(75_000)],
])('extraction from a megabyte of %s takes less than a second', (_, text) => {
  const start = performance.now()
  extractAnswer(text, { choices: ['a', 'b'] })
  expect(performance.now() - start).toBeLessThan(1000)
})

test('a process that used the checker ends by itself', () => {
  const index = new URL('../../dist/answers/index.js', import.meta.url).href
  const script = `import { equivalent } from '${index}'; console.log(await equivalent('x+x', '2x'))`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect(output.trim()).toBe('true')
})
