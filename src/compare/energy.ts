import { z } from 'zod'
import { check } from '../check.ts'
import { openRun, type Run } from '../run/run.ts'
import { type ChainParameter, type CheckpointChain, chainShape, openChain } from './chain.ts'
import { writeEnergyCharts } from './energy-charts.ts'
import { metadataOf } from './metadata.ts'
import type { Place } from './place.ts'
import { binLog2, type ChainStatistics, chainStatistics, requireFinite } from './statistics.ts'
import { type EnergySummary, summarize } from './summary.ts'

const EnergyOptions = z.strictObject({
  ...chainShape,
  /** Bytes read so far and in all. */
  onProgress: z
    .custom<(done: number, total: number) => void>((value) => typeof value === 'function', 'a function')
    .optional(),
})
export type EnergyOptions = z.input<typeof EnergyOptions>

/** The size of one update of one parameter. */
export interface Energy {
  /** ‖Δ‖_F */
  fro_norm: number
  /** ‖Δ‖_F / (‖W_IN‖_F + 1e-8) */
  relative_norm: number
  /** Largest |Δ| of an element. */
  max_abs: number
  mean_abs: number
  /** Share of elements that are exactly as before. */
  unchanged: number
  /** With each earlier update; null where one of the two is zero. */
  cosine: Record<string, number | null>
}

/** One parameter: its place, and an `Energy` under the key of each update (`sft`, `rl`, …). */
export type EnergyRecord = { param_name: string } & Place & { [update: string]: Energy | unknown }

/** How far elements moved, by powers of two. */
export interface Histogram {
  /** Lower ends of the bins as exponents of 2; the outermost bins take what lies beyond them. */
  bin_log2: number[]
  counts: number[]
  unchanged: number
}

export interface EnergyResult extends EnergySummary {
  metadata: ReturnType<typeof metadataOf>
  layers: EnergyRecord[]
  histograms: Record<string, Histogram>
}

/**
 * How large the updates are, parameter by parameter and along the depth of the model (arXiv 2602.12395, update characterization):
 * `compare.energy({ base, in, rl })`. Differences are taken in float32 or better, sums in float64, and each byte is read once. Beyond the
 * paper: the cosine between updates, the share of unchanged elements, the largest and the mean change, and a histogram of |Δ|.
 *
 * With `out` it writes `fro_norm.json` and plots there. Throws `ERR_CHECKPOINT_PARAMETERS`, `ERR_SHAPE_MISMATCH`, `ERR_NON_FINITE`,
 * `ERR_UNKNOWN_PARAMETER`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function energy(options: EnergyOptions): Promise<EnergyResult> {
  const checked = check(EnergyOptions, options)
  using chain = await openChain(checked)
  if (checked.out === undefined) return await measure(chain, checked)
  await using run = await openEnergyRun(chain, checked, checked.out)
  const result = await measure(chain, checked)
  await run.writeJson('fro_norm.json', result)
  await writeEnergyCharts(run, result)
  return result
}

async function measure(
  chain: CheckpointChain,
  { signal, onProgress }: z.output<typeof EnergyOptions>,
): Promise<EnergyResult> {
  const bytes = ({ entries }: ChainParameter) => entries.reduce((sum, { begin, end }) => sum + end - begin, 0)
  const total = chain.parameters.reduce((sum, parameter) => sum + bytes(parameter), 0)
  const layers: EnergyRecord[] = []
  const histograms = chain.updates.map(
    (): Histogram => ({ bin_log2: binLog2, counts: binLog2.map(() => 0), unchanged: 0 }),
  )
  let done = 0
  for (const parameter of chain.parameters) {
    const statistics = await read(chain, parameter, signal)
    requireFinite(statistics, parameter.name, chain.names)
    layers.push(recordOf(chain, parameter, statistics))
    statistics.updates.forEach(({ counts, unchanged }, i) => {
      const histogram = histograms[i]!
      histogram.unchanged += unchanged
      counts.forEach((count, bin) => {
        histogram.counts[bin]! += count
      })
    })
    onProgress?.((done += bytes(parameter)), total)
  }
  const keys = chain.updates.map(({ key }) => key)
  return {
    metadata: metadataOf(chain),
    layers,
    ...summarize(layers, keys),
    histograms: Object.fromEntries(keys.map((key, i) => [key, histograms[i]!])),
  }
}

async function read(chain: CheckpointChain, parameter: ChainParameter, signal?: AbortSignal): Promise<ChainStatistics> {
  const tensors = chain.tensors(parameter)
  try {
    return await chainStatistics(tensors, signal)
  } finally {
    for (const tensor of tensors) tensor.dispose()
  }
}

function recordOf(chain: CheckpointChain, { name, place }: ChainParameter, statistics: ChainStatistics): EnergyRecord {
  const { elements, norms, updates, inner } = statistics
  const energies = updates.map((update, i): Energy => {
    const earlier = chain.updates.slice(0, i).map(({ key }, j) => {
      const norm = update.norm * updates[j]!.norm
      return [key, norm > 0 ? inner(j, i) / norm : null] as const
    })
    return {
      fro_norm: update.norm,
      relative_norm: update.norm / (norms[chain.reference]! + 1e-8),
      max_abs: update.largest,
      mean_abs: update.mean,
      unchanged: elements > 0 ? update.unchanged / elements : 1,
      cosine: Object.fromEntries(earlier),
    }
  })
  return { param_name: name, ...place, ...Object.fromEntries(chain.updates.map(({ key }, i) => [key, energies[i]!])) }
}

async function openEnergyRun(
  chain: CheckpointChain,
  { select, overwrite, signal }: z.output<typeof EnergyOptions>,
  out: string,
): Promise<Run> {
  const models = await chain.hashes()
  return openRun({
    out,
    command: 'compare energy',
    arguments: select === undefined ? {} : { select },
    models,
    overwrite,
    signal,
  })
}
