import { afterAll, describe, expect, test } from 'vitest'
import { close } from '../../src/answers/index.ts'
import type { DataRecord } from '../../src/data/record.ts'
import {
  accuracy,
  type Completion,
  format,
  length,
  overlong,
  repetition,
  standardReward,
  weighted,
} from '../../src/train/rewards/index.ts'

afterAll(close)

const sample = (answer: string, choices?: string[]): DataRecord => ({ id: 'a', messages: [], answer, choices })
const reply = (text: string): Completion => ({ text, tokenIds: [...Buffer.from(text)], finishReason: 'stop' })
const tokens = (count: number): Completion => ({ text: '', tokenIds: Array(count).fill(7), finishReason: 'stop' })

describe('accuracy', () => {
  const reward = accuracy()

  test.each([
    ['<think>2+2=4</think><answer>4</answer>', '4', undefined, 1],
    ['<think>4</think><answer>5</answer>', '4', undefined, 0],
    ['It is \\boxed{\\frac{1}{2}}.', '0.5', undefined, 1],
    ['\\boxed{B}', 'B', ['1', '2'], 1],
    ['\\boxed{A}', 'B', ['1', '2'], 0],
    ['<answer>2</answer>', 'B', ['1', '2'], 1],
    // the words of the answer and a full stop: 16 of 17 characters
    ['<answer>the green triangle.</answer>', 'the green triangle', undefined, 1],
    ['<answer>triangle</answer>', 'the green triangle', undefined, 0],
    // a number inside a longer number is another number
    ['<answer>1234567890</answer>', '12345678901', undefined, 0],
    ['', '4', undefined, 0],
    ['<answer></answer>', '4', undefined, 0],
  ])('%j against %j %j is %d', async (text, answer, choices, expected) => {
    expect(await reward(sample(answer, choices), reply(text))).toBe(expected)
  })

  test('a judge decides where no rule does, and is asked nowhere else', async () => {
    const asked: string[] = []
    const judged = accuracy({
      judge: async (_sample, found) => {
        asked.push(found)
        return true
      },
    })
    const unclear = sample('a small red house by the sea')
    expect(await reward(unclear, reply('<answer>a red house near water</answer>'))).toBe(0)
    expect(await judged(unclear, reply('<answer>a red house near water</answer>'))).toBe(1)
    expect(await judged(sample('4'), reply('<answer>5</answer>'))).toBe(0)
    expect(asked).toEqual(['a red house near water'])
  })
})

describe('format', () => {
  test.each([
    ['<think>a</think><answer>b</answer>', 1],
    ['<think>a</think>\n<answer>b</answer>\n', 1],
    ['so \\boxed{4}', 1],
    ['<answer>b</answer>', 0],
    ['<think>a</think><answer>b</answer> and more', 0],
    ['<think>a</think><think>a</think><answer>b</answer>', 0],
    ['<think>a</think>', 0],
    ['\\boxed{}', 0],
    [`We add the two numbers that the figure shows: 3 + 4 = 7.`, 0.8],
    ['3 + 4 = 7.', 0],
    ['a long reply that says nothing of mathematics and gives no answer at all', 0],
    ['', 0],
  ])('%j is %d', async (text, expected) => {
    expect(await format()(sample('4'), reply(text))).toBe(expected)
  })
})

test('length: full between the bounds, falling evenly to 0 outside', () => {
  const reward = length({ min: 10, max: 20, slack: 10 })
  expect([0, 5, 10, 20, 25, 30, 90].map((count) => reward(sample(''), tokens(count)))).toEqual([
    0, 0.5, 1, 1, 0.5, 0, 0,
  ])
})

test('repetition: the share of n-grams that occurred before', () => {
  const of = (...tokenIds: number[]) =>
    repetition({ size: 2 })(sample(''), { text: '', tokenIds, finishReason: 'stop' })
  expect(of(1, 2, 3, 4)).toBe(0)
  expect(of(1, 2, 1, 2, 1)).toBe(-0.5) // 12 21 12 21
  expect(of(1)).toBe(0)
  expect(repetition({ size: 1, penalty: -2 })(sample(''), tokens(4))).toBe(-1.5)
})

test('overlong: nothing up to the cache, then evenly down to -1 (DAPO, equation 13)', () => {
  const reward = overlong({ max: 100, cache: 20 })
  expect([0, 80, 85, 90, 100, 120].map((count) => reward(sample(''), tokens(count)))).toEqual([
    0, 0, -0.25, -0.5, -1, -1,
  ])
})

describe('weighted', () => {
  test('the standard reward is 0.9 accuracy and 0.1 format', async () => {
    const reward = standardReward()
    expect(await reward(sample('4'), reply('<think>2+2</think><answer>4</answer>'))).toBeCloseTo(1, 12)
    expect(await reward(sample('4'), reply('<think>2+2</think><answer>5</answer>'))).toBeCloseTo(0.1, 12)
    expect(await reward(sample('4'), reply('4'))).toBeCloseTo(0.9, 12)
  })

  test('says what each reward gave before its weight', async () => {
    const reward = weighted({
      short: { weight: 0.5, reward: length({ max: 2 }) },
      custom: { weight: -1, reward: async () => 0.25 },
    })
    const { total, parts } = await reward.detailed(sample('4'), tokens(3))
    expect(parts).toEqual({ short: 0.5, custom: 0.25 })
    expect(total).toBe(0)
  })

  test('a reward that is not finite is named', async () => {
    const reward = weighted({ custom: { weight: 1, reward: () => Number.NaN } })
    await expect(reward(sample('4'), tokens(1))).rejects.toThrow("The reward custom of sample 'a' is NaN")
  })

  test('wrong options are refused', () => {
    expect(() => weighted({})).toThrow('at least one reward')
    expect(() => length({ min: 3, max: 2 })).toThrow('min ≤ max')
    expect(() => overlong({ max: 2, cache: 3 })).toThrow('cache ≤ max')
    expect(() => repetition({ penalty: 1 })).toThrow('penalty')
  })
})
