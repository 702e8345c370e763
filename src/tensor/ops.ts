import type { Operators } from './operators.generated.ts'
import type { Reach } from './operators.ts'
import { record } from './record.ts'

/** An operator whose typings are not generated. */
export type AnyOperator = (...values: unknown[]) => unknown

export interface UnsafeOperators {
  readonly [name: string]: AnyOperator
}

/**
 * Every operator of libtorch as a function that records it: `ops.conv2d(x, weight, bias, { stride: 2 })`. Arguments go by position or, in an
 * object at the end, by the names of the schema. `ops.unsafe` adds the internal ones with a leading underscore, untyped and without promise.
 * An unknown name throws `ERR_UNKNOWN_OPERATOR` with the nearest.
 */
export const ops = operators('ops', { unsafe: operators('unsafe', {}) }) as unknown as Operators & {
  readonly unsafe: UnsafeOperators
}

function operators(reach: Reach, known: Record<string, unknown>): object {
  return new Proxy(Object.assign(Object.create(null), known) as Record<string, unknown>, {
    get(target, name) {
      // nothing here is awaited, iterated or printed as an operator
      if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined
      target[name] ??= (...values: unknown[]) => record(name, reach, values)
      return target[name]
    },
  })
}
