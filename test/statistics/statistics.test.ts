import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bootstrap, mcnemar, paired, pairedBootstrap, RandomState, sampleIds } from '../../src/statistics/index.ts'

test('k ≥ n takes every sample in order', () => {
  expect(sampleIds(5, 5, 1)).toEqual([0, 1, 2, 3, 4])
  expect(sampleIds(3, 100, 123)).toEqual([0, 1, 2])
  expect(sampleIds(0, 10, 123)).toEqual([])
})

test('sampled ids are different, ascending and inside the population', () => {
  fc.assert(
    fc.property(fc.nat(400), fc.nat(400), fc.nat(0xffffffff), (n, k, seed) => {
      const ids = sampleIds(n, k, seed)
      expect(new Set(ids).size).toBe(Math.min(n, k))
      expect(ids).toEqual([...ids].sort((a, b) => a - b))
      expect(ids.every((id) => id >= 0 && id < n)).toBe(true)
    }),
    { numRuns: 50 },
  )
})

test('a shuffle permutes a typed array in place', () => {
  const values = Uint8Array.from({ length: 50 }, (_, i) => i)
  const shuffled = new RandomState(9).shuffle(values)
  expect(shuffled).toBe(values)
  expect([...values].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
})

test('a bootstrap of any statistic: the median of skewed values stays between their extremes', () => {
  const median = (sample: Float64Array) => [...sample].sort((a, b) => a - b)[sample.length >> 1]!
  const { estimate, low, high } = bootstrap([1, 2, 3, 4, 100], { resamples: 400 }, median)
  expect(estimate).toBe(3)
  expect(low).toBeGreaterThanOrEqual(1)
  expect(high).toBeLessThanOrEqual(100)
  expect(low).toBeLessThan(high)
})

test('an interval of verdicts holds the estimate and repeats with its seed', () => {
  const verdicts = Array.from({ length: 100 }, (_, i) => i < 34)
  const first = bootstrap(verdicts, { seed: 5 })
  expect(first).toEqual(bootstrap(verdicts, { seed: 5 }))
  expect(first.estimate).toBe(0.34)
  // normal approximation: 0.34 ± 1.96 · √(0.34 · 0.66 / 100) = 0.34 ± 0.093
  expect(first.low).toBeCloseTo(0.247, 1)
  expect(first.high).toBeCloseTo(0.433, 1)
})

test('pairing removes what both models share', () => {
  const hard = Array.from({ length: 200 }, (_, i) => i % 2 === 0)
  const better = hard.map((right, i) => right || i % 10 === 1)
  const difference = pairedBootstrap(hard, better)
  expect(difference.estimate).toBeCloseTo(0.1, 12)
  expect(difference.low).toBeGreaterThan(0.04)
  expect(difference.notLarger).toBe(0)
  expect(pairedBootstrap(better, hard).notLarger).toBe(1)
})

test('paired verdicts fall into four counts, and McNemar looks only at the disagreements', () => {
  const counts = paired([true, true, false, false, false], [true, false, true, true, false])
  expect(counts).toEqual({ TT: 1, TF: 1, FT: 2, FF: 1 })
  expect(mcnemar(counts)).toBe(1)
  expect(mcnemar({ TF: 0, FT: 10 })).toBeCloseTo(2 / 1024, 12)
})

test('bad arguments are named', () => {
  expect(() => new RandomState(-1)).toThrow(/seed/)
  expect(() => new RandomState(2 ** 32)).toThrow(/seed/)
  expect(() => new RandomState(1).choice(3, 4)).toThrow(/≤ 3 for size/)
  expect(() => bootstrap([])).toThrow(/values/)
  expect(() => pairedBootstrap([1, 0], [1])).toThrow(/ for b/)
  expect(() => bootstrap([1], { level: 1 })).toThrow(/options.level/)
})
