import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bootstrap, mcnemar, RandomState, sampleIds } from '../../src/statistics/index.ts'

// scripts/fixtures_statistics.py
const fixture = JSON.parse(readFileSync(new URL('../fixtures/statistics/numpy.json', import.meta.url), 'utf8')) as {
  choice: { n: number; k: number; seed: number; ids: number[] }[]
  streams: (Record<string, number[]> & { seed: number | number[] })[]
  bootstrap: {
    values: number[]
    resamples: number
    level: number
    seed: number
    estimate: number
    low: number
    high: number
  }[]
  mcnemar: { TF: number; FT: number; p: number }[]
}

test('sampled ids equal NumPy’s for 50 (n, k, seed) triples', () => {
  expect(fixture.choice).toHaveLength(50)
  for (const { n, k, seed, ids } of fixture.choice) expect(sampleIds(n, k, seed), `${n} ${k} ${seed}`).toEqual(ids)
})

describe.each(fixture.streams)('the stream of seed $seed', ({ seed, ...drawn }) => {
  test('gives every kind of draw in the order NumPy does', () => {
    const state = new RandomState(seed)
    const shuffled = state.shuffle(Array.from({ length: 10 }, (_, i) => i))
    expect(shuffled).toEqual(drawn.shuffle_first)
    expect([...state.randomSample(5)]).toEqual(drawn.random_sample)
    expect(state.randint(-3, 1000, 8)).toEqual(drawn.randint)
    expect(state.randint(0, 2 ** 32, 3)).toEqual(drawn.randint_full)
    expect(state.randint(5, 6, 2)).toEqual(drawn.randint_one)
    expect(state.permutation(13)).toEqual(drawn.permutation)
    expect(state.choice(50, 6)).toEqual(drawn.choice)
    expect([...state.randomSample(1300).slice(-3)]).toEqual(drawn.random_sample_late)
  })
})

test('bootstrap bounds equal np.percentile over the same resamples', () => {
  for (const { values, resamples, level, seed, estimate, low, high } of fixture.bootstrap) {
    const interval = bootstrap(values, { resamples, level, seed })
    expect(interval.estimate).toBeCloseTo(estimate, 12)
    expect(interval.low).toBeCloseTo(low, 12)
    expect(interval.high).toBeCloseTo(high, 12)
  }
})

test('McNemar’s exact p equals the binomial sum in integers', () => {
  for (const { TF, FT, p } of fixture.mcnemar) expect(mcnemar({ TF, FT }) / p).toBeCloseTo(1, 9)
})
