import type { Energy, EnergyRecord } from './energy.ts'
import { type Region, type Section, sections } from './place.ts'

export interface EnergyMeans {
  fro_norm_mean: number
  fro_norm_sum: number
  relative_norm_mean: number
  n_params: number
  unchanged_mean: number
  /** With each earlier update, over parameters where both moved; null where none did. */
  cosine_mean: Record<string, number | null>
}

/** `EnergyMeans` under the key of each update. */
export type LayerSummary = { layer_idx: number; section: Section; region?: Region } & {
  [update: string]: EnergyMeans | unknown
}

export interface EnergySummary {
  /** By layer of the unified axis, in order. */
  summary: LayerSummary[]
  sections: ({ section: Section } & Record<string, unknown>)[]
  regions: ({ region: Region } & Record<string, unknown>)[]
}

/** Means over the parameters of each layer, of each section, and of each third of the decoder. */
export function summarize(records: readonly EnergyRecord[], keys: readonly string[]): EnergySummary {
  const layers = [...new Set(records.map(({ layer_idx }) => layer_idx))].sort((a, b) => a - b)
  const regions: Region[] = ['early', 'middle', 'late']
  return {
    summary: layers.map((layer_idx) => {
      const own = records.filter((record) => record.layer_idx === layer_idx)
      const { section, region } = own[0]!
      return { layer_idx, section, ...(region ? { region } : {}), ...means(own, keys) }
    }),
    sections: groups(records, keys, sections, 'section') as EnergySummary['sections'],
    regions: groups(records, keys, regions, 'region') as EnergySummary['regions'],
  }
}

function groups(
  records: readonly EnergyRecord[],
  keys: readonly string[],
  values: readonly string[],
  field: 'section' | 'region',
) {
  return values.flatMap((value) => {
    const own = records.filter((record) => record[field] === value)
    return own.length > 0 ? [{ [field]: value, ...means(own, keys) }] : []
  })
}

function means(records: readonly EnergyRecord[], keys: readonly string[]): Record<string, EnergyMeans> {
  return Object.fromEntries(
    keys.map((key) => {
      const own = records.map((record) => record[key] as Energy)
      const earlier = Object.keys(own[0]!.cosine)
      const summary: EnergyMeans = {
        fro_norm_mean: mean(own.map(({ fro_norm }) => fro_norm)),
        fro_norm_sum: own.reduce((sum, { fro_norm }) => sum + fro_norm, 0),
        relative_norm_mean: mean(own.map(({ relative_norm }) => relative_norm)),
        n_params: own.length,
        unchanged_mean: mean(own.map(({ unchanged }) => unchanged)),
        cosine_mean: Object.fromEntries(
          earlier.map((other) => {
            const cosines = own.flatMap(({ cosine }) => cosine[other] ?? [])
            return [other, cosines.length > 0 ? mean(cosines) : null]
          }),
        ),
      }
      return [key, summary]
    }),
  )
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
