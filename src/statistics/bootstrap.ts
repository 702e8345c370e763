import { z } from 'zod'
import { check } from '../check.ts'
import { RandomState } from './random-state.ts'

const optionsSchema = z
  .strictObject({
    /** Number of resamples. */
    resamples: z.int().min(1).max(1_000_000).default(2000),
    /** Coverage of the interval, in (0, 1). */
    level: z.number().gt(0).lt(1).default(0.95),
    seed: z.int().min(0).max(0xffffffff).default(123),
  })
  .prefault({})

/** `resamples` (2000), `level` (0.95), `seed` (123). */
export type BootstrapOptions = z.input<typeof optionsSchema>

/** A statistic of the sample with its percentile interval. */
export interface Interval {
  estimate: number
  low: number
  high: number
}

/** The difference b − a of two paired means with its interval, and the share of resamples in which b was not the larger. */
export interface PairedDifference extends Interval {
  notLarger: number
}

const samples = z.array(z.union([z.number(), z.boolean()])).min(1)

/**
 * Percentile bootstrap interval of `statistic` over `values` (Efron, 1979). Each resample draws `randint(0, n, n)` from one legacy
 * `RandomState(seed)`; percentiles interpolate linearly, so NumPy computes the same bounds from the same seed.
 *
 * Values may be booleans; the default statistic is the mean. A statistic of anything else: pass indices as `values`.
 */
export function bootstrap(
  values: readonly (number | boolean)[],
  options?: BootstrapOptions,
  statistic: Statistic = mean,
): Interval {
  const data = Float64Array.from(check(samples, values, 'values'), Number)
  const checked = check(optionsSchema, options)
  return { estimate: statistic(data), ...bounds(resample(data, checked, statistic), checked.level) }
}

/**
 * Paired bootstrap of the difference of means b − a: both are resampled at the same positions, so what the two share cancels.
 * `a[i]` and `b[i]` belong to the same question.
 */
export function pairedBootstrap(
  a: readonly (number | boolean)[],
  b: readonly (number | boolean)[],
  options?: BootstrapOptions,
): PairedDifference {
  const before = check(samples, a, 'a')
  const after = check(samples.length(before.length), b, 'b')
  const checked = check(optionsSchema, options)
  const differences = Float64Array.from(before, (value, i) => Number(after[i]) - Number(value))
  const drawn = resample(differences, checked, mean)
  const notLarger = drawn.filter((difference) => difference <= 0).length / drawn.length
  return { estimate: mean(differences), ...bounds(drawn, checked.level), notLarger }
}

/** The q-th quantile (0 … 1) of ascending `sorted`, linearly interpolated as NumPy's default. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const position = q * (sorted.length - 1)
  const below = Math.floor(position)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (high - low) * (position - below)
}

type Statistic = (sample: Float64Array) => number

// The statistic of each resample, ascending.
function resample(data: Float64Array, { resamples, seed }: z.output<typeof optionsSchema>, statistic: Statistic) {
  const random = new RandomState(seed)
  const sample = new Float64Array(data.length)
  const drawn = Float64Array.from({ length: resamples }, () => {
    for (let i = 0; i < sample.length; i++) sample[i] = data[random.interval(data.length - 1)]!
    return statistic(sample)
  })
  return drawn.sort()
}

function bounds(drawn: Float64Array, level: number): { low: number; high: number } {
  return { low: quantile(drawn, (1 - level) / 2), high: quantile(drawn, (1 + level) / 2) }
}

function mean(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
