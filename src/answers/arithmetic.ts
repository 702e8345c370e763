import * as fractions from './rational.ts'
import { exactly, nearly, type Real } from './real.ts'

/** Real arithmetic, exact while it can be, else in doubles with a running error bound. Outside its domain an operation gives NaN. */

export const nan: Real = { value: Number.NaN, error: 0 }

export function integer(value: number): Real {
  return exactly({ numerator: BigInt(value), denominator: 1n })
}

export function plus(a: Real, b: Real): Real {
  const exact = a.exact && b.exact && fractions.add(a.exact, b.exact)
  return exact ? exactly(exact) : nearly(a.value + b.value, a.error + b.error)
}

export function times(a: Real, b: Real): Real {
  const exact = a.exact && b.exact && fractions.multiply(a.exact, b.exact)
  if (exact) return exactly(exact)
  return nearly(a.value * b.value, Math.abs(a.value) * b.error + Math.abs(b.value) * a.error)
}

export function over(a: Real, b: Real): Real {
  if (b.exact ? b.exact.numerator === 0n : Math.abs(b.value) <= b.error) return nan
  const exact = a.exact && b.exact && fractions.divide(a.exact, b.exact)
  if (exact) return exactly(exact)
  const value = a.value / b.value
  return nearly(value, (a.error + Math.abs(value) * b.error) / Math.abs(b.value))
}

export function negate(a: Real): Real {
  return times(integer(-1), a)
}

export function raise(a: Real, b: Real): Real {
  if (a.exact && b.exact) {
    if (a.exact.numerator === 0n && b.exact.numerator <= 0n) return nan
    const exact = fractions.power(a.exact, b.exact)
    if (exact) return exactly(exact)
  }
  if (b.exact && b.exact.denominator !== 1n && b.exact.denominator <= 64n) {
    const powered = raise(a, exactly({ numerator: b.exact.numerator, denominator: 1n }))
    return rootOf(powered, Number(b.exact.denominator))
  }
  const whole = b.exact?.denominator === 1n
  if (a.value < 0 && !whole) return nan
  const value = a.value ** b.value
  const logarithm = a.value > 0 ? Math.abs(Math.log(a.value)) : 0
  const relative = a.value === 0 ? 0 : Math.abs((b.value * a.error) / a.value) + logarithm * b.error
  return nearly(value, Math.abs(value) * (relative + 2 * Number.EPSILON * (1 + logarithm)))
}

/** The real root: of a negative number for odd degrees only, `(-8)^{1/3} = -2`. */
export function rootOf(a: Real, degree: number): Real {
  if (!Number.isInteger(degree) || degree < 1) return nan
  if (a.exact ? a.exact.numerator < 0n : a.value < 0) return degree % 2 === 1 ? negate(rootOf(negate(a), degree)) : nan
  const exact = a.exact && fractions.root(a.exact, degree)
  if (exact) return exactly(exact)
  const value = a.value ** (1 / degree)
  // near zero the derivative is unbounded; the root of the error is the error
  const error = a.value > a.error ? (value * a.error) / (a.value * degree) : a.error ** (1 / degree)
  return nearly(value, error + 2 * value * Number.EPSILON)
}

/** A smooth function: its value, and its error from `slope`, a bound on the derivative at `a`. */
function smooth(a: Real, value: number, slope: number): Real {
  return nearly(value, Math.abs(slope) * a.error + 2 * Math.abs(value) * Number.EPSILON)
}

/** Where a function with steps is evaluated too near a step to tell the side. */
function stepped(a: Real, step: (value: number) => number): Real {
  if (a.exact) {
    const { numerator, denominator } = a.exact
    const floor = numerator / denominator - (numerator % denominator < 0n ? 1n : 0n)
    const ceiling = denominator === 1n ? floor : floor + 1n
    return exactly({ numerator: step(0.5) === 0 ? floor : ceiling, denominator: 1n })
  }
  return step(a.value - 16 * a.error) === step(a.value + 16 * a.error) ? integer(step(a.value)) : nan
}

/** The functions of one real variable, by their MathJSON names. Angles in radians. */
export const functions: Readonly<Record<string, (a: Real) => Real>> = {
  Abs: (a) => (a.value < 0 ? negate(a) : a),
  Sqrt: (a) => rootOf(a, 2),
  Square: (a) => times(a, a),
  Exp: (a) => smooth(a, Math.exp(a.value), Math.exp(a.value)),
  Ln: (a) => (a.value > 0 ? smooth(a, Math.log(a.value), 1 / a.value) : nan),
  Lb: (a) => (a.value > 0 ? smooth(a, Math.log2(a.value), 1.5 / a.value) : nan),
  Sin: (a) => smooth(a, Math.sin(a.value), 1),
  Cos: (a) => smooth(a, Math.cos(a.value), 1),
  Tan: (a) => smooth(a, Math.tan(a.value), 1 + Math.tan(a.value) ** 2),
  Cot: (a) => over(functions.Cos!(a), functions.Sin!(a)),
  Sec: (a) => over(integer(1), functions.Cos!(a)),
  Csc: (a) => over(integer(1), functions.Sin!(a)),
  Arcsin: (a) => smooth(a, Math.asin(a.value), 1 / Math.sqrt(Math.max(1 - a.value ** 2, 1e-16))),
  Arccos: (a) => smooth(a, Math.acos(a.value), 1 / Math.sqrt(Math.max(1 - a.value ** 2, 1e-16))),
  Arctan: (a) => smooth(a, Math.atan(a.value), 1),
  Arccot: (a) => smooth(a, Math.PI / 2 - Math.atan(a.value), 1),
  Sinh: (a) => smooth(a, Math.sinh(a.value), Math.cosh(a.value)),
  Cosh: (a) => smooth(a, Math.cosh(a.value), Math.sinh(a.value)),
  Tanh: (a) => smooth(a, Math.tanh(a.value), 1),
  Floor: (a) => stepped(a, Math.floor),
  Ceil: (a) => stepped(a, Math.ceil),
  Factorial: (a) => factorial(a),
  Degrees: (a) => times(a, nearly(Math.PI / 180, 0)),
}

/** Factorials beyond this one are not formed. */
const largestFactorial = 500n

function factorial(a: Real): Real {
  if (a.exact?.denominator !== 1n || a.exact.numerator < 0n || a.exact.numerator > largestFactorial) return nan
  let product = 1n
  for (let i = 2n; i <= a.exact.numerator; i++) product *= i
  return exactly({ numerator: product, denominator: 1n })
}

export function binomial(n: Real, k: Real): Real {
  if (n.exact?.denominator !== 1n || k.exact?.denominator !== 1n) return nan
  const [total, chosen] = [n.exact.numerator, k.exact.numerator]
  if (chosen < 0n || total < chosen) return integer(0)
  const parts = [n, k, plus(n, negate(k))].map(factorial)
  return over(parts[0]!, times(parts[1]!, parts[2]!))
}

export function logarithm(a: Real, base: Real): Real {
  return over(functions.Ln!(a), functions.Ln!(base))
}
