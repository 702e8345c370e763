import { isDeepStrictEqual } from 'node:util'
import { error, type FrankentorchError } from '../errors.ts'
import { type JsonObject, shown } from './json.ts'

/** A place where a field of config.json may be: the root, or an object within it whose path is `prefix`. */
export interface Place {
  object: JsonObject
  prefix: string
}

/** Checked access to fields that may stand in several places. `null` counts as absent, as transformers writes it. */
export interface Fields {
  /** Every value of `name`, in the order of the places. */
  all(name: string): unknown[]
  /** The value in the first place that has one. */
  first(name: string): unknown
  /** The value, which all places that have one must agree on. */
  find(name: string): unknown
  integer(name: string, minimum: number, maximum: number): number
  optionalInteger(name: string, minimum: number, maximum: number): number | undefined
  integers(name: string, minimum: number, maximum: number): number[]
  number(name: string, minimum: number, maximum: number): number
  /** One id, a list of ids, or nothing. */
  tokenIds(name: string): number[]
  /** `ERR_CHECKPOINT_CONFIG` about a field. */
  error(name: string, what: string): FrankentorchError
}

export function fieldsOf(file: string, places: readonly Place[]): Fields {
  const fail = (name: string, what: string) =>
    error('ERR_CHECKPOINT_CONFIG', `${file}: ${places.length === 1 ? places[0]!.prefix : ''}${name}: ${what}`)

  const holders = (name: string) => places.filter(({ object }) => Object.hasOwn(object, name) && object[name] !== null)

  const find = (name: string) => {
    const [first, ...others] = holders(name)
    const other = others.find(({ object }) => !isDeepStrictEqual(object[name], first?.object[name]))
    if (first && other) {
      const show = ({ object, prefix }: Place) => `${prefix}${name} = ${shown(object[name])}`
      throw fail(name, `${show(first)} contradicts ${show(other)}`)
    }
    return first?.object[name]
  }

  const checked = <T>(name: string, what: string, accepts: (value: unknown) => value is T): T | undefined => {
    const value = find(name)
    if (value === undefined || accepts(value)) return value
    throw fail(name, `expected ${what} but found ${shown(value)}`)
  }
  const needed = <T>(name: string, what: string, accepts: (value: unknown) => value is T): T => {
    const value = checked(name, what, accepts)
    if (value === undefined) throw fail(name, `expected ${what} but it is missing`)
    return value
  }
  const isInteger =
    (minimum: number, maximum: number) =>
    (value: unknown): value is number =>
      Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum

  const first = (name: string) => holders(name)[0]?.object[name]

  return {
    all: (name) => holders(name).map(({ object }) => object[name]),
    first,
    find,
    integer: (name, minimum, maximum) =>
      needed(name, between('an integer', minimum, maximum), isInteger(minimum, maximum)),
    optionalInteger: (name, minimum, maximum) =>
      checked(name, between('an integer', minimum, maximum), isInteger(minimum, maximum)),
    integers: (name, minimum, maximum) =>
      needed(
        name,
        between('integers', minimum, maximum),
        (value): value is number[] =>
          Array.isArray(value) && value.length <= 1024 && value.every(isInteger(minimum, maximum)),
      ),
    number: (name, minimum, maximum) =>
      needed(
        name,
        between('a number', minimum, maximum),
        (value): value is number => typeof value === 'number' && value >= minimum && value <= maximum,
      ),
    tokenIds: (name) => {
      const value = first(name)
      const ids = value === undefined ? [] : [value].flat()
      if (ids.every(isInteger(0, 2 ** 31 - 1))) return ids as number[]
      throw fail(name, `expected a token id or a list of them but found ${shown(value)}`)
    },
    error: fail,
  }
}

function between(what: string, minimum: number, maximum: number): string {
  return maximum === Number.MAX_SAFE_INTEGER ? `${what} ≥ ${minimum}` : `${what} between ${minimum} and ${maximum}`
}
