import { expected } from '../check.ts'
import { error } from '../errors.ts'
import type { Value } from '../recipe/index.ts'
import type { Expression } from '../tensor/expression.ts'
import { nearestName } from '../tensor/operators.ts'
import type { Tensor } from '../tensor/tensor.ts'

interface Range {
  min?: number
  max?: number
  /** The least value is not one itself. */
  above?: boolean
}

type Kind = 'per model' | 'overall' | 'flag'

/** A parameter of a method: a number for each model, one number, or a switch. Without a default it must be given. */
export interface Parameter<K extends Kind = Kind> extends Range {
  kind: K
  default?: number | boolean
}

/** A number for each merged model (the base not among them). */
export function perModel(fallback?: number, range: Range = {}): Parameter<'per model'> {
  return { kind: 'per model', default: fallback, ...range }
}

/** One number. */
export function overall(fallback?: number, range: Range = {}): Parameter<'overall'> {
  return { kind: 'overall', default: fallback, ...range }
}

/** One switch. */
export function flag(fallback: boolean): Parameter<'flag'> {
  return { kind: 'flag', default: fallback }
}

export type Parameters = Readonly<Record<string, Parameter>>

/** Values as `combine` gets them. */
export type ValuesOf<P extends Parameters> = {
  readonly [Name in keyof P]: P[Name] extends Parameter<'per model'>
    ? readonly number[]
    : P[Name] extends Parameter<'flag'>
      ? boolean
      : number
}

/** What a method merges: a piece of one parameter of every model, or to measure the whole, in float32 (float64 where the result is). */
export interface Tensors {
  /** In the order of the recipe, without the base of a method that has one. */
  readonly models: readonly Expression[]
  /** Of a method that has one. */
  readonly base: Expression
  /** models − base. */
  readonly deltas: readonly Expression[]
  /** Each element 1 with this probability, else 0; draws of model `index`, equal however the parameter is cut into pieces. */
  keep(like: Expression, probability: number, index: number): Expression
  /** N(0, 1), likewise. */
  normal(like: Expression): Expression
}

export interface MethodDefinition<P extends Parameters> {
  parameters: P
  /** Whether differences from a base are merged, or models. */
  base: 'required' | 'none'
  /** How many models it takes, the base not counted; by default one or more. */
  models?: { min?: number; max?: number }
  /** Records scalars of whole parameters that `combine` needs, such as norms; it is run before, once for each parameter. */
  measure?(tensors: Tensors, values: ValuesOf<P>): readonly Expression[]
  /**
   * Records the merged parameter, element by element: it sees a parameter in pieces of one axis, so that memory is bounded. What concerns the
   * whole of it stands in `measured`.
   */
  combine(tensors: Tensors, values: ValuesOf<P>, measured: readonly Tensor[]): Expression
  /** Throws where values make no sense together; by default any do. */
  require?(values: ValuesOf<P>): void
}

/** A method that recipes can name. */
export interface MergeMethod extends MethodDefinition<Parameters> {
  readonly name: string
}

const methods = new Map<string, MergeMethod>()

/**
 * Makes a merge method known by `name` to recipes of this process and returns it. `combine` is a synchronous function of expressions:
 *
 *     defineMethod('midpoint', {
 *       parameters: {}, base: 'none', models: { min: 2, max: 2 },
 *       combine: ({ models: [a, b] }) => a.add(b).mul(0.5),
 *     })
 *
 * Throws `ERR_INVALID_ARGUMENT` where the name is taken.
 */
export function defineMethod<const P extends Parameters>(name: string, definition: MethodDefinition<P>): MergeMethod {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw expected('a name of lower-case letters, digits and _', 'name', name)
  if (methods.has(name)) throw expected('a name that no merge method has', 'name', name)
  const method = { ...(definition as unknown as MethodDefinition<Parameters>), name }
  methods.set(name, method)
  return method
}

/** Throws `ERR_RECIPE` with the nearest name. */
export function methodNamed(name: string): MergeMethod {
  const method = methods.get(name)
  if (method) return method
  const names = [...methods.keys()]
  const near = nearestName(name, names)
  throw error(
    'ERR_RECIPE',
    `There is no merge method '${name}'${near ? `; the nearest is '${near}'` : ''} (there are ${names.join(', ')})`,
  )
}

/** Throws `ERR_RECIPE`, with the nearest name, for one that the method's parameters do not have. */
export function requireParameters(method: MergeMethod, given: Iterable<string>): void {
  const names = Object.keys(method.parameters)
  for (const name of given) {
    if (names.includes(name)) continue
    const near = nearestName(name, names)
    const has = names.length > 0 ? `has ${names.join(', ')}` : 'has none'
    throw error(
      'ERR_RECIPE',
      `${method.name} has no parameter '${name}'${near ? `; the nearest is '${near}'` : ''} (it ${has})`,
    )
  }
}

/** `value` as the method's parameter takes it, its default where none is given. Throws `ERR_RECIPE`. */
export function requireValue(method: MergeMethod, name: string, value: Value | undefined): number | boolean {
  const parameter = method.parameters[name]!
  const given = value ?? parameter.default
  const { kind, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, above } = parameter
  const within = (number: number) => (above ? number > min : number >= min) && number <= max
  if (kind === 'flag' ? typeof given === 'boolean' : typeof given === 'number' && within(given)) {
    return given as number | boolean
  }
  const limits = [
    min > Number.NEGATIVE_INFINITY ? `${above ? '>' : '≥'} ${min}` : '',
    max < Number.POSITIVE_INFINITY ? `≤ ${max}` : '',
  ]
  const what = kind === 'flag' ? 'true or false' : `a number ${limits.filter(Boolean).join(' and ')}`.trim()
  throw expected(what, `${name} of ${method.name}`, given, 'ERR_RECIPE')
}
