import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { checkAnswer, close, equivalent, extractAnswer } from '../../src/answers/index.ts'

afterAll(close)

const fragment = fc.constantFrom(
  ...'\\frac \\sqrt \\boxed{ { } ( ) [ ] \\{ \\} , ; : = < > ^ _ $ \\$ % | + - * / ! . ° π √ ½ 😀 x y e i 0 1 12 0.5 1,000 \\pi \\infty \\pm \\cup \\in \\le'.split(
    ' ',
  ),
  ...[
    '\\text{ cm}',
    '\\begin{pmatrix}',
    '\\end{pmatrix}',
    '&',
    '\\\\',
    ' and ',
    ' or ',
    '\\circ',
    '\\sin ',
    '\\ln',
    '\\left(',
    '\\right)',
    ' ',
    '\n',
    'the answer is ',
    '<answer>',
    'A',
    '(B)',
    'm',
    '\\sum_{i=1}^{3}',
    "'",
  ],
)
const latex = fc.array(fragment, { maxLength: 14 }).map((parts) => parts.join(''))
const anything = fc.oneof({ weight: 3, arbitrary: latex }, fc.string({ unit: 'grapheme', maxLength: 60 }))

test('no string throws or is judged late', async () => {
  await fc.assert(
    fc.asyncProperty(anything, anything, async (response, gold) => {
      const start = performance.now()
      const { text } = extractAnswer(response, { choices: ['1', 'x', gold] })
      const verdicts = [
        await checkAnswer(response, gold),
        await checkAnswer(response, gold, { choices: [gold, '1', 'x+1'] }),
      ]
      expect(text === null || typeof text === 'string').toBe(true)
      for (const { correct } of verdicts) expect([true, false, 'unknown']).toContain(correct)
      expect(performance.now() - start).toBeLessThan(12_000)
    }),
    { numRuns: 150, seed: 2602 },
  )
})

test('equivalence is symmetric, and every string is itself', async () => {
  await fc.assert(
    fc.asyncProperty(anything, anything, async (a, b) => {
      expect(await equivalent(a, b)).toBe(await equivalent(b, a))
      expect(await equivalent(a, a)).toBe(true)
    }),
    { numRuns: 200, seed: 12395 },
  )
})

const thousands = (x: number) => x.toLocaleString('en-US', { maximumFractionDigits: 6 })
/** One number in many spellings, each with the exact value it spells. */
const spellings: ((n: number) => { text: string; value: number })[] = [
  (n) => ({ text: String(n / 1000), value: n / 1000 }),
  (n) => ({ text: `\\frac{${n}}{1000}`, value: n / 1000 }),
  (n) => ({ text: `${n}/1000`, value: n / 1000 }),
  (n) => ({ text: `${n / 10}\\%`, value: n / 1000 }),
  (n) => ({ text: `${(n / 1000).toExponential()}`, value: n / 1000 }),
  (n) => ({ text: `${n}\\times 10^{-3}`, value: n / 1000 }),
  (n) => ({ text: `${n} \\cdot 10^{-3}`, value: n / 1000 }),
  (n) => ({ text: thousands(n / 1000), value: n / 1000 }),
  (n) => ({ text: thousands(n / 1000).replaceAll(',', '{,}'), value: n / 1000 }),
  (n) => ({ text: `$${n / 1000}$`, value: n / 1000 }),
  (n) => ({ text: `-\\dfrac{${-n}}{1000}`, value: n / 1000 }),
  (n) => ({ text: `\\sqrt{${n * n}}\\div 1000`, value: Math.abs(n) / 1000 }),
  (n) => ({ text: `(${n})\\cdot\\frac{1}{1000}`, value: n / 1000 }),
  (n) => ({ text: mixed(n), value: n / 1000 }),
  (n) => ({ text: `x = ${n / 1000}`, value: n / 1000 }),
  (n) => ({ text: `\\text{${n / 1000}}`, value: n / 1000 }),
]

function mixed(n: number): string {
  const whole = Math.floor(Math.abs(n) / 1000)
  return `${n < 0 ? '-' : ''}${whole}\\frac{${Math.abs(n) % 1000}}{1000}`
}

const near = fc.oneof(fc.integer({ min: -3000, max: 3000 }), fc.integer({ min: -9_000_000, max: 9_000_000 }))
const spelling = fc.constantFrom(...spellings)

test('numbers more than 1e-3 apart are never the same, however they are spelled', async () => {
  const pairOfNumbers = fc.oneof(
    fc.tuple(near, near),
    fc.tuple(near, fc.integer({ min: -20, max: 20 })).map(([n, step]): [number, number] => [n, n + step]),
  )
  await fc.assert(
    fc.asyncProperty(pairOfNumbers, spelling, spelling, async ([n, m], first, second) => {
      const [a, b] = [first(n), second(m)]
      fc.pre(Math.abs(a.value - b.value) > 1e-3 * Math.max(1, Math.abs(a.value)))
      expect(await equivalent(a.text, b.text)).not.toBe(true)
    }),
    { numRuns: 1000, seed: 1 },
  )
})

test('one number is itself in every spelling', async () => {
  await fc.assert(
    fc.asyncProperty(near, spelling, spelling, async (n, first, second) => {
      const [a, b] = [first(n), second(n)]
      fc.pre(a.value === b.value)
      expect(await equivalent(a.text, b.text)).toBe(true)
    }),
    { numRuns: 400, seed: 2 },
  )
})
