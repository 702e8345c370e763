import { z } from 'zod'
import { check } from '../check.ts'
import { RandomState } from './random-state.ts'

const count = z.int().min(0)

/**
 * The positions of `k` of `n` samples in ascending order: `sorted(RandomState(seed).choice(arange(n), size=k, replace=False))`.
 * k ≥ n takes all of them, in order. The paper's evaluation uses k = 100, seed = 123.
 */
export function sampleIds(n: number, k: number, seed: number): number[] {
  const population = check(count, n, 'n')
  const size = Math.min(check(count, k, 'k'), population)
  const chosen =
    size === population
      ? Array.from({ length: population }, (_, i) => i)
      : new RandomState(seed).choice(population, size)
  return chosen.sort((a, b) => a - b)
}
