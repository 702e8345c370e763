import type { Region, Section } from './place.ts'
import type { SpectrumRecord } from './spectrum.ts'
import type { Spectrum } from './spectrum-measures.ts'

/** Means over matrices; null where no matrix has the measure. */
export interface SpectrumMeans {
  n_params: number
  spectral_norm_mean: number | null
  nuclear_norm_mean: number | null
  fro_norm_mean: number | null
  stable_rank_mean: number | null
  effective_rank_mean: number | null
  log_volume_mean: number | null
}

export interface SpectrumSummary {
  /** By layer of the unified axis, in order; a `SpectrumMeans` under the key of each update, and the mean of each pair's angles. */
  summary: ({ layer_idx: number; section: Section; region?: Region; angles: Record<string, number | null> } & Record<
    string,
    unknown
  >)[]
  /** The same for each third of the decoder. */
  regions: ({ region: Region } & Record<string, unknown>)[]
}

const measures = ['spectral_norm', 'nuclear_norm', 'fro_norm', 'stable_rank', 'effective_rank', 'log_volume'] as const

export function summarizeSpectra(records: readonly SpectrumRecord[], keys: readonly string[]): SpectrumSummary {
  const layers = [...new Set(records.map(({ layer_idx }) => layer_idx))].sort((a, b) => a - b)
  return {
    summary: layers.map((layer_idx) => {
      const own = records.filter((record) => record.layer_idx === layer_idx)
      const { section, region } = own[0]!
      return { layer_idx, section, ...(region ? { region } : {}), ...means(own, keys) }
    }),
    regions: (['early', 'middle', 'late'] as const).flatMap((region) => {
      const own = records.filter((record) => record.region === region)
      return own.length > 0 ? [{ region, ...means(own, keys) }] : []
    }),
  }
}

function means(records: readonly SpectrumRecord[], keys: readonly string[]) {
  const byUpdate = keys.map((key) => {
    const own = records.map((record) => record[key] as Spectrum)
    const values = measures.map((measure) => [`${measure}_mean`, mean(own.map((spectrum) => spectrum[measure]))])
    return [key, { n_params: own.length, ...Object.fromEntries(values) } as SpectrumMeans] as const
  })
  const pairs = Object.keys(records[0]!.angles)
  // the input space: what the matrices read
  const angles = pairs.map((pair) => [pair, mean(records.flatMap((record) => record.angles[pair]!.right))] as const)
  return { ...Object.fromEntries(byUpdate), angles: Object.fromEntries(angles) }
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null
}
