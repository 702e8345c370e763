import { afterAll, expect, test } from 'vitest'
import { close, equivalent } from '../../src/answers/index.ts'

afterAll(close)

test.each([
  ['\\frac{3^{1008}-1}{3^{1009}}', '\\frac{1}{3}-3^{-1009}'],
  ['\\frac{7^3}{2^{12} 13^2}', '\\frac{343}{692224}'],
  ['\\pi-\\tan^{-1}\\left(\\frac1d\\right)', '\\pi-\\arctan\\frac{1}{d}'],
  ['(-8)^{1/3}', '-2'],
  ['\\sum_{k=1}^{5} k^2', '55'],
  ['x_1+x_2', 'x_{2}+x_{1}'],
  ['\\{1,\\sqrt{4}\\}', '\\{2, 1\\}'],
  ['\\begin{bmatrix} 1 & \\frac12 \\end{bmatrix}', '\\begin{pmatrix} 1 & 0.5 \\end{pmatrix}'],
  ['(-\\infty,2)\\cup(3,\\infty)', 'x<2 \\text{ or } x>3'],
  ['y=2x', '2x-y=0'],
  ['f(x)=2x', 'y=2x'],
  ['1,234', '1234'],
  ['1,234', '1, 234'],
])('%s is %s', async (a, b) => {
  expect(await equivalent(a, b)).toBe(true)
})

test.each([
  ['2^{100}', '2^{100}+1'],
  ['10^{-12}', '2\\cdot10^{-12}'],
  ['\\frac13', '0.3333333333334'],
  ['\\sqrt{x}y', 'xy'],
  ['e^{\\pi}-\\pi', '20'],
  ['[1,2)', '[1,2]'],
  ['(1,2)', '(2,1)'],
  ['x=5', 'y=5'],
  ['50\\%', '50'],
])('%s is not %s', async (a, b) => {
  expect(await equivalent(a, b)).toBe(false)
})

test.each([
  ['\\sqrt{a^2}', 'a', 'equal for lengths, not for every number'],
  ['12m', '12', 'twelve metres or twelve times m'],
  ['\\foo{3}', '\\bar{4}!', 'neither can be read'],
  ['\\ln(x-100)', '\\ln(x-200)', 'no sample point in the domain'],
])('whether %s is %s is unknown: %s', async (a, b) => {
  expect(await equivalent(a, b)).toBe('unknown')
})

test('what the engine learned about a symbol does not change a later verdict', async () => {
  expect(await equivalent('x_{1}+i', 'i+x_{1}')).toBe(true)
  expect(await equivalent('x\\cdot(-2)', '-2x')).toBe(true)
})
