import { z } from 'zod'
import { check } from '../check.ts'
import { type Comparison, compareAnswers, type Leaf } from './compare.ts'
import { compareInWorker } from './engine-pool.ts'
import { agree } from './real.ts'
import type { Unit } from './unit.ts'
import { decided, deferred, type Verdict } from './verdict.ts'

export const signalOption = z.instanceof(AbortSignal, { error: 'an AbortSignal' }).optional()

const EquivalentOptions = z.strictObject({
  /** Decimal places that count: numbers within half a unit of the last one are equal. */
  precision: z.int().min(0).max(15).optional(),
  signal: signalOption,
})

export type EquivalentOptions = z.input<typeof EquivalentOptions>

/**
 * Whether two answers are mathematically the same: `\frac12` and 0.5, `(x-1)(x+1)` and `x^2-1`, `\{1,2\}` and `\{2,1\}`. Symmetric.
 * `unknown` where neither sameness nor difference can be shown; never takes longer than about two seconds of work.
 */
export async function equivalent(a: string, b: string, options: EquivalentOptions = {}): Promise<boolean | 'unknown'> {
  const left = check(z.string(), a, 'a')
  const right = check(z.string(), b, 'b')
  const { precision, signal } = check(EquivalentOptions, options)
  // in one order, so that the answer cannot depend on it
  const [first, second] = [left, right].sort() as [string, string]
  return (await settle(first, second, { precision, grading: false }, signal)).equal
}

export interface Manner {
  readonly precision?: number
  readonly unit?: Unit | '%'
  readonly grading: boolean
}

/** Compares here what numbers and strings decide, and in the worker what needs the compute engine. */
export async function settle(a: string, b: string, manner: Manner, signal?: AbortSignal): Promise<Verdict> {
  const verdict = settleHere(a, b, manner)
  return verdict.deferred ? compareInWorker({ a, b, ...manner }, signal) : verdict
}

/** The part of {@link settle} that needs no worker; `deferred` where that does not decide. */
export function settleHere(a: string, b: string, manner: Manner): Verdict {
  return compareAnswers(a, b, { ...manner, leaf: compareNumbers, equations: () => deferred })
}

function compareNumbers(a: Leaf, b: Leaf, { precision }: Comparison): Verdict {
  if (a.text === b.text) return decided(true, 'exact')
  return a.value && b.value ? decided(agree(a.value, b.value, precision), 'numeric') : deferred
}
