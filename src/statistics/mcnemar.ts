import { z } from 'zod'
import { check } from '../check.ts'

const verdicts = z.array(z.boolean()).min(1)

/** How two models, or one model in two settings, answered the same questions; T right, F wrong, a before b. */
export interface Paired {
  TT: number
  TF: number
  FT: number
  FF: number
}

/** Counts the four outcomes of paired verdicts. */
export function paired(a: readonly boolean[], b: readonly boolean[]): Paired {
  const before = check(verdicts, a, 'a')
  const after = check(verdicts.length(before.length), b, 'b')
  const counts: Paired = { TT: 0, TF: 0, FT: 0, FF: 0 }
  before.forEach((right, i) => {
    counts[`${right ? 'T' : 'F'}${after[i] ? 'T' : 'F'}`]++
  })
  return counts
}

/**
 * Two-sided p-value of McNemar's exact test (McNemar, 1947): were TF and FT drawn from a fair coin? Twice the smaller binomial tail, at most 1;
 * 1 when no pair disagrees.
 */
export function mcnemar({ TF, FT }: Pick<Paired, 'TF' | 'FT'>): number {
  const count = z.int().min(0)
  const n = check(count, TF, 'TF') + check(count, FT, 'FT')
  // log binomial(n, i) − n log 2, built up term by term: factorials would overflow from n = 171 on
  let logTerm = -n * Math.LN2
  let tail = 0
  for (let i = 0; i <= Math.min(TF, FT); i++) {
    tail += Math.exp(logTerm)
    logTerm += Math.log(n - i) - Math.log(i + 1)
  }
  return Math.min(1, 2 * tail)
}
