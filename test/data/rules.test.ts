import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bracedFractions, normaliseLatex } from '../../src/data/benchmarks/latex-normal.ts'
import { latexValue } from '../../src/data/benchmarks/latex-value.ts'
import { equalMathVision, extractMathVision } from '../../src/data/benchmarks/mathvision-rule.ts'
import { pythonFloat, pythonInteger, pythonText, roundHalfEven } from '../../src/data/benchmarks/python-number.ts'
import { lastNumber } from '../../src/data/benchmarks/stated.ts'
import { benchmarks } from '../../src/data/index.ts'
import { editDistance } from '../../src/edit-distance.ts'

describe('the value of LaTeX', () => {
  test.each([
    ['\\frac{1}{2}', 0.5],
    ['$8: 5$', 1.6],
    ['2\\sqrt{3}+1', 2 * Math.sqrt(3) + 1],
    ['\\sqrt[3]{8}', 2],
    ['-2^2', -4],
    ['2^{-1}', 0.5],
    ['10\\pi+5\\pi\\sqrt{2}', 10 * Math.PI + 5 * Math.PI * Math.SQRT2],
    ['50(5-\\sqrt{5})', 50 * (5 - Math.sqrt(5))],
    ['6/2/3', 1],
    ['1-2-3', -4],
    ['\\displaystyle \\frac{3}{4}', 0.75],
    ['3!', 6],
    ['.5', 0.5],
    ['\\frac{4}{9}}.\\end{align*', 4 / 9],
  ])('%s', (text, value) => expect(latexValue(text)).toBeCloseTo(value, 12))

  test.each(['', 'x', '8 \\mathrm{~cm}', '\\frac12', '1/0', '\\sqrt{-1}', '(1,2)', '2+', '(3', '\\unknown{3}'])(
    '%s has none',
    (text) => expect(latexValue(text)).toBeUndefined(),
  )

  test('any text ends in a finite number or none', () => {
    const text = fc.array(
      fc.constantFrom('\\frac', '{', '}', '(', ')', '\\sqrt', '[', ']', '^', '-', '7', '!', '\\pi', ' ', 'x', '.'),
    )
    fc.assert(
      fc.property(text, (parts) => {
        const value = latexValue(parts.join(''))
        expect(value === undefined || Number.isFinite(value)).toBe(true)
      }),
    )
  })
})

test('no reply makes a rule throw', async () => {
  const items = []
  for (const name of ['mathvision', 'mathvista', 'mathverse', 'math500', 'gsm8k', 'generic'] as const) {
    const source = fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url))
    for await (const item of benchmarks[name].read(source, { images: false }))
      items.push({ of: benchmarks[name], item })
  }
  const piece = fc.constantFrom(
    '\\boxed{',
    '}',
    '(',
    ')',
    'A',
    '(B)',
    'the answer is ',
    '1,000',
    '.5',
    '\\frac',
    '####',
    '<answer>',
    '\n',
    ' ',
    '°',
  )
  const reply = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
  )
  fc.assert(
    fc.property(reply, fc.constantFrom(...items), (response, { of, item }) => {
      const { extracted, prediction, correct } = of.score(item, response)
      expect([typeof extracted, typeof correct]).toEqual(['string', 'boolean'])
      expect(of.score(item, '', extracted)).toEqual({ extracted, prediction, correct })
    }),
    { numRuns: 1500 },
  )
  for (const endless of ['(', '\\boxed{', '{', '-', '.', '1,000,', '\\frac']) {
    for (const { of, item } of items) expect(() => of.score(item, endless.repeat(30_000))).not.toThrow()
  }
})

describe('MathVision finds the answer', () => {
  test.each([
    ['The right picture is (B).', 'b'],
    ['C\nbecause it fits', 'c'],
    ['It is 42.', '42'],
    ['So the answer is 5 cm. That is short.', '5cm'],
    ['The answer should be D', 'd'],
    ['First \\boxed{3}, then \\boxed{x=4}', '4'],
    ['\\boxed{\\text{(E)}}', 'e'],
    ['\\boxed{30^{\\circ}}', '30'],
    ['\\boxed{10 \\text{ km}}', '10'],
    ['\\boxed{\\dfrac{1}{3}}', '\\frac{1}{3}'],
    ['about \\boxed{\\pi \\approx 3.14}', '3.14'],
    ['', ''],
  ])('in %j', (response, answer) => expect(extractMathVision(response)).toBe(answer))
})

describe('MathVision counts as equal', () => {
  test.each([
    ['2018', '$\\sqrt{2018^{2}+2}$', true],
    ['\\frac{1}{300}', '\\frac{1}{900}', true],
    ['[0,1)', '[0,1)', true],
    ['(0.5,1)', '(\\frac{1}{2},1)', true],
    ['(a,0.5)', '(a,\\frac{1}{2})', true],
    ['A', 'a', true],
    ['3', '3.01', false],
    ['8', '$8 \\mathrm{~kg}$', false],
    ['', '', false],
    ['x+1', '1+x', false],
  ])('%s and %s: %s', (a, b, equal) => {
    expect(equalMathVision(a, b)).toBe(equal)
    expect(equalMathVision(b, a)).toBe(equal)
  })
})

test('MATH’s normal form', () => {
  const normal = (text: string) => bracedFractions(normaliseLatex(text))
  expect(normal('x = \\left( 2, \\tfrac12 \\right)')).toBe('(2,\\frac{1}{2})')
  expect(normal('\\$10\\%')).toBe('10')
  expect(normal('\\sqrt2 + \\frac3{4}')).toBe('\\sqrt{2}+\\frac{3}{4}')
  expect(normal('90^\\circ')).toBe('90')
  expect(normal('.5')).toBe('\\frac{1}{2}')
  expect(normal('-3/4')).toBe('\\frac{-3}{4}')
  expect(normal('\\text{ cm and } 5\\text{ m}')).toBe('\\text{cmand}5\\text{m}')
})

// values of CPython 3.12: round(x, d), str(round(x, d))
test.each([
  [0.125, 2, '0.12'],
  [0.375, 2, '0.38'],
  [2.675, 2, '2.67'],
  [-0.125, 2, '-0.12'],
  [1.005, 2, '1.0'],
  [2.5, 0, '2.0'],
  [1234567.891, 1, '1234567.9'],
  [-0.04, 1, '-0.0'],
])('Python rounds %d to %d decimals as %s', (value, digits, text) => {
  expect(pythonText(roundHalfEven(value, digits))).toBe(text)
})

test('Python reads numbers from text', () => {
  expect(['1_000', ' 5 ', '+.5', '1e3', '7.'].map(pythonFloat)).toEqual([1000, 5, 0.5, 1000, 7])
  expect(['', '1,000', 'inf', '1__0', '5 cm', '1/2', '.'].map(pythonFloat)).toEqual(Array(7).fill(undefined))
  expect(['12', ' -3 ', '+7', '123456789012345678901'].map(pythonInteger)).toEqual([
    12n,
    -3n,
    7n,
    123456789012345678901n,
  ])
  expect(['7.0', '', '1e3', '０x'].map(pythonInteger)).toEqual(Array(4).fill(undefined))
})

test('the last number of a text, thousands separators dropped', () => {
  expect(lastNumber('first 3, then $14,400.')).toBe('14400')
  expect(lastNumber('x2 is -0.5e3')).toBe('-0.5e3')
  expect(lastNumber('1,2,3')).toBe('3')
  expect(lastNumber('none')).toBeUndefined()
})

test('edit distance counts code points', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3)
  expect(editDistance('', 'abc')).toBe(3)
  expect(editDistance('𝑥', 'x')).toBe(1)
})
