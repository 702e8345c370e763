/** How a verdict was reached. */
export type Method =
  /** the two are one string once LaTeX noise is gone */
  | 'exact'
  /** the letter of a choice */
  | 'choice'
  /** the value of a choice */
  | 'choice-value'
  /** the words of a text answer */
  | 'text'
  /** both are numbers, or expressions without variables that were evaluated */
  | 'numeric'
  /** the compute engine's own equality */
  | 'symbolic'
  /** expressions with variables, evaluated at several points */
  | 'sampling'
  /** the engine did not finish within its time and memory */
  | 'timeout'
  /** nothing could decide: there is no answer, or no rule for such a pair */
  | 'none'

export interface Verdict {
  readonly equal: boolean | 'unknown'
  readonly method: Method
  /** Only the engine, which runs elsewhere, can tell. */
  readonly deferred?: true
}

export const unknown: Verdict = { equal: 'unknown', method: 'none' }
export const deferred: Verdict = { equal: 'unknown', method: 'none', deferred: true }

export function decided(equal: boolean, method: Method): Verdict {
  return { equal, method }
}

const strength: readonly Method[] = [
  'exact',
  'choice',
  'choice-value',
  'numeric',
  'text',
  'symbolic',
  'sampling',
  'timeout',
  'none',
]

/** All must hold: one false decides, the weakest method names the whole. */
export function every(verdicts: readonly Verdict[]): Verdict {
  const refuted = verdicts.find((verdict) => verdict.equal === false)
  if (refuted) return refuted
  if (verdicts.some((verdict) => verdict.deferred)) return deferred
  return verdicts.find((verdict) => verdict.equal === 'unknown') ?? weakest(verdicts)
}

/** One must hold: one true decides. */
export function some(verdicts: readonly Verdict[]): Verdict {
  const proved = verdicts.find((verdict) => verdict.equal === true)
  if (proved) return proved
  if (verdicts.some((verdict) => verdict.deferred)) return deferred
  return verdicts.find((verdict) => verdict.equal === 'unknown') ?? weakest(verdicts)
}

/** A truth that rests on a reading nobody can confirm is unknown; a falsehood under it stays one. */
export function doubt(verdict: Verdict): Verdict {
  return verdict.equal === true ? unknown : verdict
}

function weakest(verdicts: readonly Verdict[]): Verdict {
  const ranked = [...verdicts].sort((a, b) => strength.indexOf(b.method) - strength.indexOf(a.method))
  return ranked[0] ?? decided(true, 'exact')
}
