/** What the singular values of one update of one matrix say. Null where the method does not know all of them, or where nothing changed. */
export interface Spectrum {
  method: string
  /** σ₁ */
  spectral_norm: number
  /** Σσ */
  nuclear_norm: number | null
  fro_norm: number
  /** ‖Δ‖_F² / σ₁² */
  stable_rank: number | null
  /** exp(−Σ p ln p), p = σ/Σσ over σ > 1e-12 */
  effective_rank: number | null
  /** σ₁ / σ_min */
  condition_number: number | null
  /** Σ ln(σ + 1e-12) over the first 50 */
  log_volume: number
  top_singular_values: number[]
}

// As in the reference, whatever topk is.
const volumeValues = 50

// Below this share of σ₁ the squares that the gram method works on hold nothing but rounding.
export const gramFloor = 1e-6

/**
 * Measures of `values`, descending. `complete`: they are all there are. `exact`, where given, are the values of a decomposition that does not
 * square the matrix: condition number and log-volume come from them.
 */
export function measuresOf(
  values: Float64Array,
  {
    method,
    frobenius,
    topk,
    complete,
    exact = values,
  }: { method: string; frobenius: number; topk: number; complete: boolean; exact?: Float64Array },
): Spectrum {
  const largest = values[0] ?? 0
  const sum = values.reduce((total, value) => total + value, 0)
  const smallest = exact.at(-1) ?? 0
  return {
    method,
    spectral_norm: largest,
    nuclear_norm: complete ? sum : null,
    fro_norm: frobenius,
    stable_rank: largest > 0 ? frobenius ** 2 / largest ** 2 : null,
    effective_rank: complete && largest > 0 ? effectiveRank(values) : null,
    condition_number: complete && smallest > 0 ? exact[0]! / smallest : null,
    log_volume: exact.slice(0, volumeValues).reduce((total, value) => total + Math.log(value + 1e-12), 0),
    top_singular_values: Array.from(values.slice(0, topk)),
  }
}

function effectiveRank(values: Float64Array): number {
  const counted = values.filter((value) => value > 1e-12)
  const sum = counted.reduce((total, value) => total + value, 0)
  return Math.exp(-counted.reduce((total, value) => total + (value / sum) * Math.log(value / sum), 0))
}
