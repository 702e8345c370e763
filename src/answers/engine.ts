import { ComputeEngine } from '@cortex-js/compute-engine'
import type { Comparison, Leaf } from './compare.ts'
import { evaluate, type MathJson, Unsupported, variablesOf } from './evaluate.ts'
import { agree, coincide, nearly, type Real } from './real.ts'
import { decided, unknown, type Verdict } from './verdict.ts'

// Runs in the worker only: parsing is bounded, what the compute engine's own evaluation does is not.

/**
 * Compares two expressions: without variables by value, with variables at sample points. Only what has no real value at those points
 * (complex numbers, sums) goes to the compute engine's equality: version 0.27 calls numbers within 1e-10 equal and loses roots in N().
 */
export function compareExpressions(a: Leaf, b: Leaf, { precision }: Pick<Comparison, 'precision'>): Verdict {
  const infinite = compareInfinities(a.text, b.text)
  if (infinite) return infinite
  const [left, right] = [side(a), side(b)]
  if (!left || !right) return unknown
  try {
    const variables = [...new Set([...left.variables, ...right.variables])]
    if (variables.length > 0) return sample(variables, (at) => [left.value(at), right.value(at)], coincide)
    const [x, y] = [left.value(at0), right.value(at0)]
    return settled(x) && settled(y) ? decided(agree(x, y, precision), 'numeric') : unknown
  } catch (thrown) {
    if (!(thrown instanceof Unsupported)) throw thrown
    return byEngine(a.text, b.text)
  }
}

/** Two equations are the same when the differences of their sides are in a constant ratio: `y = 2x` and `2x - y = 0`. */
export function compareEquations(a: string, b: string): Verdict {
  const [left, right] = [difference(a), difference(b)]
  if (!left || !right) return unknown
  try {
    const variables = [...new Set([...left.variables, ...right.variables])]
    if (variables.length === 0) return unknown
    let ratio: Real | undefined
    return sample(
      variables,
      (at) => [left.value(at), right.value(at)],
      (x, y) => {
        const here = nearly(x.value / y.value, (x.error + y.error) / Math.abs(y.value))
        ratio ??= here
        return coincide(ratio, here)
      },
    )
  } catch (thrown) {
    if (!(thrown instanceof Unsupported)) throw thrown
    return unknown
  }
}

interface Side {
  readonly variables: readonly string[]
  readonly value: (at: (variable: string) => Real) => Real
}

const at0 = (): Real => {
  throw new Unsupported()
}

function side({ text, value }: Leaf): Side | undefined {
  if (value) return { variables: [], value: () => value }
  const expression = parse(text)
  if (!expression) return undefined
  try {
    return { variables: variablesOf(expression), value: (at) => evaluate(expression, at) }
  } catch (thrown) {
    if (!(thrown instanceof Unsupported)) throw thrown
    // the comparison as a whole falls back to the engine
    return { variables: [], value: at0 }
  }
}

function difference(equation: string): Side | undefined {
  const [left, ...rest] = equation.split('=')
  const right = rest.at(-1)
  if (left === undefined || right === undefined) return undefined
  return side({ text: `(${left})-(${right})` })
}

/** Points of four magnitudes, no two variables alike, in a fixed order; the last ones have negative coordinates. */
const magnitudes = [0.1, 0.4, 0.8, 1.5, 2.5, 4, 7, 12, 40]
const irrational = (Math.sqrt(5) - 1) / 2

function point(index: number, variable: number): number {
  const spread = (0.35 + index * 0.137 + (variable + 1) * irrational) % 1
  const magnitude = magnitudes[index % magnitudes.length]! * (0.6 + 0.8 * spread)
  const negative = index >= magnitudes.length && (index + variable) % 2 === 0
  return negative ? -magnitude : magnitude
}

const pointCount = 2 * magnitudes.length
/** Fewer points in the common domain prove nothing. */
const enough = 4

function sample(
  variables: readonly string[],
  values: (at: (variable: string) => Real) => readonly [Real, Real],
  same: (x: Real, y: Real) => boolean,
): Verdict {
  let agreements = 0
  for (let index = 0; index < pointCount; index++) {
    const [x, y] = values((variable) => nearly(point(index, variables.indexOf(variable)), 0))
    if (!settled(x) || !settled(y)) continue
    if (same(x, y)) agreements++
    // equal wherever the variables are positive, as lengths are, and not elsewhere: √(a²) and a
    else return index < magnitudes.length || agreements < enough ? decided(false, 'sampling') : unknown
  }
  return agreements >= enough ? decided(true, 'sampling') : unknown
}

/** A value near a pole or after cancellation says nothing. */
function settled({ value, error, exact }: Real): boolean {
  return exact !== undefined || (Number.isFinite(value) && error <= 1e-9 * Math.max(1, Math.abs(value)))
}

function compareInfinities(a: string, b: string): Verdict | undefined {
  const sign = (text: string) => /^([+-]?) ?\\infty$/.exec(text.trim())?.[1]
  const [left, right] = [sign(a), sign(b)]
  if (left === undefined && right === undefined) return undefined
  if (left !== undefined && right !== undefined) return decided((left === '-') === (right === '-'), 'exact')
  // something else may still be infinite in disguise, a numeral is not
  return /^[-\d.,/]+$/.test(left === undefined ? a : b) ? decided(false, 'numeric') : unknown
}

let parser: ComputeEngine | undefined

function parse(latex: string): MathJson | undefined {
  // the parser reads `3 4` as 34, `x_1 + x_2` as x with the subscript 1 + x_2
  const braced = latex.replace(/_ ?([a-zA-Z\d])/g, '_{$1}').replace(/\\text\{ ?([a-z]) ?\}/g, '$1')
  if (/\d \d/.test(braced)) return undefined
  parser ??= newEngine()
  // canonical forms would declare symbols, and one answer's x_1 would be another's type error
  const json = attempt(() => parser!.parse(braced, { canonical: false }).json)
  return json === undefined || json === 'Nothing' || /"Error"/.test(JSON.stringify(json))
    ? undefined
    : (json as MathJson)
}

function newEngine(): ComputeEngine {
  const engine = new ComputeEngine()
  engine.latexDictionary = [
    ...engine.latexDictionary,
    {
      name: 'Binomial',
      latexTrigger: ['\\binom'],
      parse: (parser: { parseGroup(): MathJson | null }) => {
        const [n, k] = [parser.parseGroup(), parser.parseGroup()]
        return n === null || k === null ? null : ['Binomial', n, k]
      },
    },
  ]
  return engine
}

/** What the compute engine evaluates and `evaluate` does not. */
const beyondReals =
  /(?<![a-zA-Z\\])i(?![a-zA-Z])|\\sqrt\{-|\\(?:sum|prod|bmod|mod|gcd|Gamma|imaginaryI)(?![a-zA-Z])|gcd|lcm/

/** The compute engine's own equality, in an engine of its own: it keeps what it infers about symbols. */
function byEngine(a: string, b: string): Verdict {
  const both = `${a} ${b}`
  // its integrals are estimates to three digits; and it takes 30 ms to start
  if (/\\(?:int|lim|partial)(?![a-zA-Z])/.test(both) || !beyondReals.test(both)) return unknown
  return attempt(() => compareIn(newEngine(), a, b)) ?? unknown
}

function compareIn(engine: ComputeEngine, a: string, b: string): Verdict {
  const [left, right] = [engine.parse(a), engine.parse(b)]
  if (!left.isValid || !right.isValid) return unknown
  const [x, y] = [complex(left), complex(right)]
  if (!x || !y) return left.isSame(right) ? decided(true, 'symbolic') : unknown
  const size = Math.max(Math.hypot(...x), Math.hypot(...y))
  return decided(Math.hypot(x[0] - y[0], x[1] - y[1]) <= 1e-9 * size, 'symbolic')
}

function complex(expression: ReturnType<ComputeEngine['parse']>): [number, number] | undefined {
  const { re, im } = expression.N()
  return Number.isFinite(re) && Number.isFinite(im) ? [re, im] : undefined
}

/** The engine throws type errors and overflows its stack on some input that it accepts; that says nothing about the answer. */
function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
