/** An exact fraction in lowest terms, its denominator positive. */
export interface Rational {
  readonly numerator: bigint
  readonly denominator: bigint
}

/** Results wider than this many bits are not formed: `3^{1008}` stays exact, a power tower never starts. */
const widest = 20_000

export function rational(numerator: bigint, denominator = 1n): Rational | undefined {
  if (denominator === 0n || bits(numerator) > widest || bits(denominator) > widest) return undefined
  const sign = denominator < 0n ? -1n : 1n
  const divisor = greatestCommonDivisor(numerator, denominator) * sign
  return { numerator: numerator / divisor, denominator: denominator / divisor }
}

export function add(a: Rational, b: Rational): Rational | undefined {
  return rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator)
}

export function multiply(a: Rational, b: Rational): Rational | undefined {
  return rational(a.numerator * b.numerator, a.denominator * b.denominator)
}

export function divide(a: Rational, b: Rational): Rational | undefined {
  return rational(a.numerator * b.denominator, a.denominator * b.numerator)
}

/** `base` to an integer power; undefined where the result would be too wide or divides by zero. */
export function power(base: Rational, exponent: Rational): Rational | undefined {
  if (exponent.denominator !== 1n) return undefined
  const times = exponent.numerator < 0n ? -exponent.numerator : exponent.numerator
  const width = BigInt(Math.max(bits(base.numerator), bits(base.denominator)))
  if (times * width > BigInt(widest)) return undefined
  const [top, bottom] = [base.numerator ** times, base.denominator ** times]
  return exponent.numerator < 0n ? rational(bottom, top) : rational(top, bottom)
}

/** The exact root of a perfect power, else undefined. */
export function root(value: Rational, degree: number): Rational | undefined {
  if (!Number.isInteger(degree) || degree < 2 || degree > 64 || value.numerator < 0n) return undefined
  const top = integerRoot(value.numerator, degree)
  const bottom = integerRoot(value.denominator, degree)
  return top === undefined || bottom === undefined ? undefined : rational(top, bottom)
}

export function same(a: Rational, b: Rational): boolean {
  return a.numerator === b.numerator && a.denominator === b.denominator
}

/** The nearest double, also where numerator and denominator alone overflow. */
export function toNumber({ numerator, denominator }: Rational): number {
  const excess = Math.max(bits(numerator), bits(denominator)) - 1000
  if (excess <= 0) return Number(numerator) / Number(denominator)
  // keep 64 more bits than a double has in whichever of the two is narrower
  const shift = bits(numerator) - bits(denominator)
  const scaled =
    shift >= 0 ? (numerator << 64n) / (denominator << BigInt(shift)) : (numerator << BigInt(64 - shift)) / denominator
  return Number(scaled) * 2 ** (shift - 64)
}

function integerRoot(value: bigint, degree: number): bigint | undefined {
  // beyond 1,000 bits the starting guess overflows a double; roots that large are left inexact
  if (bits(value) > 1000) return undefined
  const guess = BigInt(Math.round(Number(value) ** (1 / degree)))
  for (const candidate of [guess, guess - 1n, guess + 1n]) {
    if (candidate >= 0n && candidate ** BigInt(degree) === value) return candidate
  }
  return undefined
}

function bits(value: bigint): number {
  return (value < 0n ? -value : value).toString(16).length * 4
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x === 0n ? 1n : x
}
