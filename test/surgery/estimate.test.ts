import { expect, test } from 'vitest'
import { costOf, secondsOf } from '../../src/surgery/estimate.ts'
import { methodNamed } from '../../src/surgery/method.ts'
import { type Assignment, pieceElements, workingMemory } from '../../src/surgery/plan.ts'
import '../../src/surgery/methods/index.ts'

const origin = { model: 'in' } as Assignment['origins'][number]

function assignment(method: string, elements: number): Assignment {
  const { base } = methodNamed(method)
  return {
    name: `${method} of ${elements}`,
    storedName: '',
    dtype: 'bfloat16',
    shape: [elements],
    method: methodNamed(method),
    origins: [origin, origin],
    base: base === 'required' ? origin : undefined,
    values: {},
  }
}

test('what is measured of a whole parameter counts by its elements, what is made of some of it by those', async () => {
  const tried: number[] = []
  const made = [1000, 1 << 24, 1 << 23, 1 << 25].map((elements) => assignment('ties', elements))
  const cost = await costOf(made, async ({ shape: [elements] }) => {
    tried.push(elements!)
    return { measuring: 8, making: 1, elements: 1 << 22 }
  })
  expect(tried).toEqual([1 << 23, 1 << 24])
  expect(cost).toEqual({
    elements: 1000 + (1 << 24) + (1 << 23) + (1 << 25),
    measuring: 8 / (1 << 24),
    making: 1 / (1 << 22),
  })
})

test('small parameters are tried by the largest of them', async () => {
  const made = [10, 1000, 100].map((elements) => assignment('linear', elements))
  const cost = await costOf(made, async ({ shape: [elements] }) => ({ measuring: 0, making: 1, elements: elements! }))
  expect(cost).toEqual({ elements: 1110, measuring: 0, making: 1 / 1000 })
})

test('time is that of the methods together, or of the disk where it is slower', () => {
  const costs = [
    { elements: 1e9, measuring: 2e-9, making: 3e-9 },
    { elements: 1e9, measuring: 0, making: 1e-9 },
  ]
  expect(secondsOf(costs, 2)).toBeCloseTo(6, 12)
  expect(secondsOf(costs, 9)).toBe(9)
})

test('memory: pieces of bounded size, or (inputs + 3) times the largest parameter in float32 where it is measured', () => {
  const large = 3e8
  expect(workingMemory([assignment('linear', large), assignment('linear', 10)])).toBe(10 * pieceElements * 5 * 4)
  expect(workingMemory([assignment('linear', large)])).toBeLessThan(2 ** 30)
  expect(workingMemory([assignment('ties', large), assignment('linear', large)])).toBe((3 + 3) * large * 4)
  expect(workingMemory([{ ...assignment('linear', large), dtype: 'float64' }])).toBe(10 * pieceElements * 5 * 8)
})
