import { describe, expected } from '../check.ts'
import { error } from '../errors.ts'
import { isDtype } from './dtype.ts'
import { outputsOf } from './expression.ts'
import { Float, instruction, isRecorded } from './instruction.ts'
import { overloads, type Reach } from './operators.ts'
import { nextSeed } from './random.ts'
import { installOperators, isTensorLike } from './recorder.ts'
import { type Keywords, resolve } from './resolve.ts'
import { Tensor } from './tensor.ts'

installOperators(
  (name, values) => record(name, 'ops', values),
  (name, values) => record(name, 'own', values),
  (name, values) => record(name, 'in place', values),
)

/**
 * Records a call of an operator. A plain object at the end names arguments: `{ keepdim: true }`; random operators take `seed` there.
 * Throws `ERR_UNKNOWN_OPERATOR`, `ERR_INVALID_ARGUMENT` or, for a tensor that is gone, `ERR_DISPOSED`.
 */
export function record(name: string, reach: Reach, values: unknown[]): unknown {
  const candidates = overloads(name, reach)
  let keywords: Keywords | undefined
  let seed: number | bigint | undefined
  const last = values[values.length - 1]
  if (isKeywords(last)) {
    values.pop()
    keywords = last
    if ('seed' in last && candidates.some(({ random }) => random)) ({ seed, keywords } = withoutSeed(last, name))
  }
  // torch's `x.to('cuda')` is not an overload of the dispatcher
  if (name === 'to' && values.length === 2 && typeof values[1] === 'string' && !isDtype(values[1])) {
    keywords = { device: values.pop(), ...keywords }
  }
  const resolved = resolve(candidates, values, keywords)
  for (const value of resolved.values) requireLive(value, name)
  if (resolved.schema.random) seed ??= nextSeed()
  return outputsOf(instruction(resolved.schema, resolved.values, seed))
}

/** Records one of the package's own instructions. */
export function recordOwn(name: string, values: unknown[]): unknown {
  return record(name, 'own', values)
}

function isKeywords(value: unknown): value is Keywords {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !isTensorLike(value) && !isRecorded(value) && !(value instanceof Float)
}

function withoutSeed({ seed, ...keywords }: Keywords, name: string) {
  const valid =
    typeof seed === 'bigint' ? seed >= 0n && seed < 2n ** 63n : Number.isSafeInteger(seed) && Number(seed) >= 0
  if (seed !== undefined && !valid) throw expected('an integer ≥ 0', `seed of ${name}`, seed)
  return { seed: seed as number | bigint | undefined, keywords }
}

function requireLive(value: unknown, name: string): void {
  if (value instanceof Tensor) {
    if (value.disposed)
      throw error('ERR_DISPOSED', `Expected live tensors for ${name} but ${describe(value)} was disposed`)
  } else if (Array.isArray(value)) {
    for (const element of value) requireLive(element, name)
  }
}
