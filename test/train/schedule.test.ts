import { expect, test } from 'vitest'
import { recordsAt } from '../../src/train/order.ts'
import { learningRate } from '../../src/train/schedule.ts'

test('the learning rate rises to its height and falls along half a cosine or a line, as in transformers', () => {
  const at = (type: 'cosine' | 'linear' | 'constant', step: number) =>
    learningRate({ type, lr: 1, steps: 12, warmupSteps: 2 }, step)
  expect([0, 1, 2].map((step) => at('cosine', step))).toEqual([0, 0.5, 1])
  // transformers.get_cosine_schedule_with_warmup(optimizer, 2, 12) at steps 4.5 and 7
  expect(at('cosine', 7)).toBeCloseTo(0.5, 12)
  expect(at('cosine', 4.5)).toBeCloseTo(0.853553390593274, 12)
  expect([2, 7, 12].map((step) => at('linear', step))).toEqual([1, 0.5, 0])
  expect(at('constant', 11)).toBe(1)
})

test('every epoch takes each record once, in an order of its own, and any place can be asked for', () => {
  const whole = recordsAt(5, 3, 0, 10)
  expect([...whole.slice(0, 5)].sort()).toEqual([0, 1, 2, 3, 4])
  expect([...whole.slice(5)].sort()).toEqual([0, 1, 2, 3, 4])
  expect(whole.slice(0, 5)).not.toEqual(whole.slice(5))
  expect(recordsAt(5, 3, 4, 3)).toEqual(whole.slice(4, 7))
  expect(recordsAt(5, 4, 0, 10)).not.toEqual(whole)
})
