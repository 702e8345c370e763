import { binomial, functions, integer, logarithm, nan, negate, over, plus, raise, rootOf, times } from './arithmetic.ts'
import { readNumber } from './number.ts'
import { nearly, type Real } from './real.ts'

/** An expression as the compute engine parses it, before it rewrites anything. */
export type MathJson =
  | string
  | number
  | { num: string }
  | { str: string }
  | { sym: string }
  | { fn: MathJson[] }
  | readonly MathJson[]

/** The expression uses something that has no value here: complex numbers, sums, sets, an unknown function. */
export class Unsupported extends Error {}

const constants: Readonly<Record<string, Real>> = {
  Pi: nearly(Math.PI, 0),
  e: nearly(Math.E, 0),
  ExponentialE: nearly(Math.E, 0),
}
const notNumbers =
  /^(?:i|ImaginaryUnit|PositiveInfinity|NegativeInfinity|ComplexInfinity|NaN|Nothing|EmptySet|True|False|Undefined|Exp|Sin|Cos|Tan|Ln|Log)$/

/** Marks above or beside a symbol make another symbol of it: `\overline{AB}`, `x'`, `a_n`. */
const decorations = /^(?:OverBar|OverVector|OverHat|OverTilde|OverRightArrow|OverLeftRightArrow|Prime|At|Subscript)$/

/** The variables of an expression, sorted. Throws {@link Unsupported} where the expression has no real value. */
export function variablesOf(expression: MathJson): string[] {
  const found = new Set<string>()
  evaluate(expression, (name) => {
    found.add(name)
    return nan
  })
  return [...found].sort()
}

/** The value of an expression where `at` gives its variables; NaN outside its domain. */
export function evaluate(expression: MathJson, at: (variable: string) => Real): Real {
  if (typeof expression === 'number') return literal(String(expression))
  if (typeof expression === 'string') return symbol(expression, at)
  if ('num' in expression) return literal(expression.num)
  if (!Array.isArray(expression)) throw new Unsupported()
  const [operator, ...operands] = expression as [string, ...MathJson[]]
  if (typeof operator !== 'string') throw new Unsupported()
  if (decorations.test(operator)) return at(JSON.stringify(expression))
  return operate(operator, operands, (operand) => evaluate(operand, at))
}

function literal(digits: string): Real {
  const value = readNumber(digits.replace(/e\+?/i, 'e'))
  if (!value) throw new Unsupported()
  return value
}

function symbol(name: string, at: (variable: string) => Real): Real {
  const constant = constants[name]
  if (constant) return constant
  if (notNumbers.test(name)) throw new Unsupported()
  return at(name)
}

function operate(operator: string, operands: MathJson[], value: (operand: MathJson) => Real): Real {
  const [first, second] = operands
  switch (operator) {
    case 'Delimiter':
      if (Array.isArray(first) && first[0] === 'Sequence') throw new Unsupported()
      return value(required(first))
    case 'Add':
      return operands.map(value).reduce(plus)
    case 'Subtract':
      return plus(value(required(first)), negate(value(required(second))))
    case 'Negate':
      return negate(value(required(first)))
    case 'Multiply':
      return operands.map(value).reduce(times)
    case 'InvisibleOperator':
      return juxtaposed(operands, value)
    case 'Divide':
    case 'Rational':
      return over(value(required(first)), value(required(second)))
    case 'Power':
      return raise(value(required(first)), value(required(second)))
    case 'Root': {
      const degree = value(required(second))
      return degree.exact ? rootOf(value(required(first)), degree.value) : nan
    }
    case 'Log':
      return logarithm(value(required(first)), second === undefined ? integer(10) : value(second))
    case 'Binomial':
      return binomial(value(required(first)), value(required(second)))
    case 'Max':
    case 'Min':
      return extreme(operator, operands.map(value))
    case 'Apply':
      return inverse(required(first), value(required(second)))
  }
  const known = functions[operator]
  if (!known || operands.length !== 1) throw new Unsupported()
  return known(value(operands[0]!))
}

/** Things side by side multiply; an integer before a proper fraction of integers is a mixed number. */
function juxtaposed(operands: MathJson[], value: (operand: MathJson) => Real): Real {
  const [first, second, ...rest] = operands
  if (first === 'Exp' && second !== undefined) return [functions.Exp!(value(second)), ...rest.map(value)].reduce(times)
  if (typeof first === 'number' && Number.isInteger(first) && Array.isArray(second) && second[0] === 'Divide') {
    const [, top, bottom] = second
    if (typeof top === 'number' && typeof bottom === 'number' && Number.isInteger(top) && top < bottom) {
      return [plus(value(first), value(second)), ...rest.map(value)].reduce(times)
    }
  }
  return operands.map(value).reduce(times)
}

function extreme(operator: 'Max' | 'Min', values: Real[]): Real {
  const ranked = values.sort((a, b) => a.value - b.value)
  return (operator === 'Max' ? ranked.at(-1) : ranked[0]) ?? nan
}

/** `\sin^{-1} x` */
function inverse(operator: MathJson, argument: Real): Real {
  if (!Array.isArray(operator) || operator[0] !== 'InverseFunction') throw new Unsupported()
  const known = functions[`Arc${String(operator[1]).toLowerCase()}`]
  if (!known) throw new Unsupported()
  return known(argument)
}

function required(operand: MathJson | undefined): MathJson {
  if (operand === undefined) throw new Unsupported()
  return operand
}
