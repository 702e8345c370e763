import { type Rational, same, toNumber } from './rational.ts'

/** A real number as far as it is known: exactly, or as a double with a bound on its error. */
export interface Real {
  readonly value: number
  readonly error: number
  readonly exact?: Rational
  /** How a decimal was written: digits after the point (of the value itself, so 33.3% has 3) and significant digits. */
  readonly written?: { readonly decimals: number; readonly significant: number }
}

export function exactly(exact: Rational, written?: Real['written']): Real {
  const value = toNumber(exact)
  return { value, error: Math.abs(value) * Number.EPSILON, exact, written }
}

export function nearly(value: number, error: number): Real {
  return { value, error: error + Math.abs(value) * Number.EPSILON }
}

/**
 * Whether two numbers are the same answer. With `precision`: within half a unit of that decimal place. Without: equal (exactly where both are
 * exact, else within their error bounds), or one is a decimal of at least three significant digits and the other rounds to it.
 */
export function agree(a: Real, b: Real, precision?: number): boolean {
  if (!Number.isFinite(a.value) || !Number.isFinite(b.value)) {
    return a.exact !== undefined && b.exact !== undefined && same(a.exact, b.exact)
  }
  if (precision !== undefined)
    return Math.abs(a.value - b.value) <= 0.5 * 10 ** -precision * (1 + 1e-9) + a.error + b.error
  return coincide(a, b) || rounds(a, b) || rounds(b, a)
}

/** Equality without rounding. */
export function coincide(a: Real, b: Real): boolean {
  if (a.exact && b.exact) return same(a.exact, b.exact)
  return (
    Math.abs(a.value - b.value) <= 16 * (a.error + b.error) + 1e-13 * Math.max(Math.abs(a.value), Math.abs(b.value))
  )
}

/** 0.333 for 1/3, 3.14 for π; never 2018 for √(2018² + 2), never 0.33: an integer claims to be exact, and two digits are a guess. */
function rounds(decimal: Real, full: Real): boolean {
  const { written } = decimal
  if (!written || written.decimals < 1 || written.significant < 3) return false
  if (full.exact && fits(full.exact, written.decimals)) return false
  const difference = Math.abs(decimal.value - full.value)
  const half = 0.5 * 10 ** -written.decimals * (1 + 1e-9)
  return difference <= half && difference < 1e-3 * Math.max(1, Math.abs(full.value))
}

/** Whether `value` can be written with `decimals` digits after the point: it then has no need of rounding. */
function fits({ denominator }: Rational, decimals: number): boolean {
  return 10n ** BigInt(decimals) % denominator === 0n
}
