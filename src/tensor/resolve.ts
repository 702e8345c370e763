import { describe } from '../check.ts'
import { error } from '../errors.ts'
import { isDtype } from './dtype.ts'
import { ListExpression, ScalarExpression } from './expression.ts'
import { type ArgumentValue, Float } from './instruction.ts'
import { isTensorLike } from './recorder.ts'
import type { ArgumentSchema, OperatorSchema } from './schema.ts'

export interface Resolved {
  schema: OperatorSchema
  /** In the order of the schema; undefined is the default. */
  values: ArgumentValue[]
}

export type Keywords = Readonly<Record<string, unknown>>

const mismatch = -1

/**
 * The overload that `positional` and `keywords` fit best: the one with the fewest conversions, the first of equals.
 * Throws `ERR_INVALID_ARGUMENT` naming the schemas when none fits.
 */
export function resolve(
  overloads: readonly OperatorSchema[],
  positional: readonly unknown[],
  keywords: Keywords | undefined,
): Resolved {
  let best: Resolved | undefined
  let fewest = Number.POSITIVE_INFINITY
  for (const schema of overloads) {
    const values = new Array<unknown>(schema.arguments.length)
    const conversions = assign(schema, positional, keywords, values)
    if (conversions === mismatch || conversions >= fewest) continue
    best = { schema, values: values as ArgumentValue[] }
    fewest = conversions
    if (fewest === 0 && overloads.length === 1) break
  }
  if (best) return best
  throw misfit(overloads, positional, keywords)
}

/** Fills `values` in the order of the schema; the number of conversions, or `mismatch`. */
function assign(
  schema: OperatorSchema,
  positional: readonly unknown[],
  keywords: Keywords | undefined,
  values: unknown[],
): number {
  const declared = schema.arguments
  if (positional.length > declared.length) return mismatch
  let conversions = 0
  let named = 0
  for (let i = 0; i < declared.length; i++) {
    const argument = declared[i]!
    const inPlace = i < positional.length
    if (inPlace && argument.keywordOnly) return mismatch
    let value = inPlace ? positional[i] : undefined
    if (keywords && Object.hasOwn(keywords, argument.name)) {
      if (inPlace) return mismatch
      value = keywords[argument.name]
      named++
    }
    // an overload that takes a generator needs no detour through libtorch's own
    if (argument.kind === 'Generator') {
      if (value !== undefined) return mismatch
      conversions -= 0.5
      continue
    }
    if (value === undefined) {
      if (argument.defaultValue === undefined) return mismatch
      continue
    }
    const cost = conversion(argument, value)
    if (cost === mismatch) return mismatch
    conversions += cost
    values[i] = value
  }
  return keywords && named < Object.keys(keywords).length ? mismatch : conversions
}

function conversion(argument: ArgumentSchema, value: unknown): number {
  if (value === null) return argument.optional ? 0 : mismatch
  if (!argument.list) return elementConversion(argument, value)
  if (value instanceof ListExpression) return argument.kind === 'Tensor' && !argument.optionalElements ? 0 : mismatch
  if (!Array.isArray(value)) {
    if (argument.repeat === undefined) return mismatch
    const cost = elementConversion(argument, value)
    return cost === mismatch ? mismatch : cost + 1
  }
  let total = 0
  for (const element of value) {
    if (element === null && argument.optionalElements) continue
    const cost = element === null ? mismatch : elementConversion(argument, element)
    if (cost === mismatch) return mismatch
    total = Math.max(total, cost)
  }
  return total
}

function elementConversion(argument: ArgumentSchema, value: unknown): number {
  switch (argument.kind) {
    case 'Tensor':
      return isTensorLike(value) ? 0 : mismatch
    case 'int':
      return isInt(value) || isSymbolic(value, 'int') ? 0 : mismatch
    case 'float':
      if (typeof value === 'number') return Number.isInteger(value) ? 1 : 0
      return value instanceof Float || isSymbolic(value, 'float') ? 0 : mismatch
    case 'Scalar':
      if (typeof value === 'boolean') return 1
      if (typeof value === 'number' || isInt(value) || value instanceof Float) return 0
      return isSymbolic(value, 'int') || isSymbolic(value, 'float') ? 0 : mismatch
    case 'bool':
      return typeof value === 'boolean' || isSymbolic(value, 'bool') ? 0 : mismatch
    case 'str':
      return typeof value === 'string' ? 0 : mismatch
    case 'ScalarType':
      return isDtype(value) ? 0 : mismatch
    case 'Device':
      return typeof value === 'string' && /^[a-z]+(:\d+)?$/.test(value) ? 0 : mismatch
    case 'Layout':
    case 'MemoryFormat':
      return typeof value === 'string' ? 0 : mismatch
    default:
      return mismatch
  }
}

function isInt(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}

function isSymbolic(value: unknown, type: 'int' | 'float' | 'bool'): boolean {
  return value instanceof ScalarExpression && value.type === type
}

function misfit(overloads: readonly OperatorSchema[], positional: readonly unknown[], keywords: Keywords = {}): Error {
  const given = [
    ...positional.map(describeArgument),
    ...Object.entries(keywords).map(([name, value]) => `${name}=${describeArgument(value)}`),
  ].join(', ')
  if (overloads.length === 1) {
    const [schema] = overloads as [OperatorSchema]
    return error(
      'ERR_INVALID_ARGUMENT',
      `Expected ${reason(schema, positional, keywords)} for ${schema.text} but received (${given})`,
    )
  }
  const schemas = overloads.map(({ text }) => `\n  ${text}`).join('')
  return error('ERR_INVALID_ARGUMENT', `Expected arguments of one of${schemas}\nbut received (${given})`)
}

/** What is wrong with the arguments of the only overload. */
function reason({ arguments: declared }: OperatorSchema, positional: readonly unknown[], keywords: Keywords): string {
  const places = declared.filter(({ keywordOnly }) => !keywordOnly)
  if (positional.length > places.length) return `at most ${places.length} positional arguments`
  for (const name of Object.keys(keywords)) {
    const index = declared.findIndex((argument) => argument.name === name)
    if (index < 0) return `no argument named '${name}'`
    if (index < positional.length) return `argument '${name}' once`
  }
  for (const [i, argument] of declared.entries()) {
    const value = i < positional.length ? positional[i] : keywords[argument.name]
    if (argument.kind === 'Generator') continue
    if (value === undefined) {
      if (argument.defaultValue === undefined) return `an argument '${argument.name}' (${argument.type})`
    } else if (conversion(argument, value) === mismatch) return `${argument.type} for argument '${argument.name}'`
  }
  return 'other arguments'
}

function describeArgument(value: unknown): string {
  if (value instanceof Float) return `float(${value.value})`
  return isTensorLike(value) ? String((value as object).constructor.name) : describe(value)
}
