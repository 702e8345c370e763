import { z } from 'zod'
import { check, expected } from '../check.ts'
import { abortable, type NativeProgram, type NativeResult, native, type ProgramHandle } from '../native.ts'
import { encode, hasValue } from './encode.ts'
import type { Computed } from './expression.ts'
import { isRecorded, type Recorded } from './instruction.ts'
import { Tensor } from './tensor.ts'

export const RunOptions = z.strictObject({
  /** Stops the program between two instructions. */
  signal: z.instanceof(AbortSignal).optional(),
})
export type RunOptions = z.input<typeof RunOptions>

/** Runs an expression, as `await` does, with an `AbortSignal`. Rejects with `ERR_ABORTED`, `ERR_DISPOSED` or what libtorch reports. */
export function run<T>(expression: T, options: RunOptions = {}): Promise<Computed<T>> {
  return evaluate(expression, check(RunOptions, options))
}

/**
 * Runs several expressions as one program, in one crossing; what they share is computed once. `expressions` is an object or array, nested at
 * will; the result has its form: `const { a, b } = await all({ a: x.sum(), b: x.max() })`.
 */
export function all<T extends object>(expressions: T, options: RunOptions = {}): Promise<Computed<T>> {
  return evaluate(expressions, check(RunOptions, options))
}

/** Computes every expression in `value`, a structure of arrays and plain objects. */
export async function evaluate<T>(value: T, options: RunOptions = {}): Promise<Computed<T>> {
  const roots: Recorded[] = []
  const rebuild = collect(value, roots, 'expressions')
  if (roots.length === 0) return rebuild([]) as Computed<T>
  return rebuild(await compute(encode(roots, 0), roots, [], options)) as Computed<T>
}

/** What a run of `program`, which computes `roots`, gives for each of them. */
export async function compute(
  program: NativeProgram | ProgramHandle,
  roots: readonly Recorded[],
  inputs: readonly Tensor[],
  { signal }: RunOptions,
): Promise<unknown[]> {
  const handles = inputs.map(({ handle }) => handle)
  const results = await abortable(signal, (cancellation) => native().runProgram(program, handles, cancellation))
  let next = 0
  return roots.map((root) => (hasValue(root) ? fromNative(results[next++]!) : undefined))
}

/** Appends the expressions of `value` to `roots`, and returns what puts their results in their places. */
export function collect(value: unknown, roots: Recorded[], name: string): (results: readonly unknown[]) => unknown {
  if (isRecorded(value)) {
    const index = roots.push(value) - 1
    return (results) => results[index]
  }
  if (value instanceof Tensor) return () => value
  if (Array.isArray(value)) {
    const places = value.map((element, i) => collect(element, roots, `${name}[${i}]`))
    return (results) => places.map((place) => place(results))
  }
  if (typeof value !== 'object' || value === null) throw expected('an expression', name, value)
  const places = Object.entries(value).map(
    ([key, element]) => [key, collect(element, roots, `${name}.${key}`)] as const,
  )
  return (results) => Object.fromEntries(places.map(([key, place]) => [key, place(results)]))
}

function fromNative(result: NativeResult): unknown {
  if (Array.isArray(result)) return result.map((tensor) => new Tensor(tensor))
  return typeof result === 'object' && result !== null ? new Tensor(result) : result
}
