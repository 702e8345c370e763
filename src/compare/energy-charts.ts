import type { LineChart } from '../report/plot.ts'
import { lineChart, renderPng, renderSvg } from '../report/plot.ts'
import type { Run } from '../run/run.ts'
import { depthAxis } from './depth-axis.ts'
import type { EnergyResult } from './energy.ts'
import type { EnergyMeans } from './summary.ts'

/** Plots of an energy comparison along the depth of the model, each as SVG and PNG. */
export async function writeEnergyCharts(run: Run, result: EnergyResult): Promise<void> {
  for (const [name, chart] of Object.entries(energyCharts(result))) {
    const svg = await renderSvg(lineChart(chart))
    await run.write(`${name}.svg`, svg)
    await run.write(`${name}.png`, await renderPng(svg))
  }
}

/** The charts by the names of their files. */
export function energyCharts({ metadata, summary, histograms }: EnergyResult): Record<string, LineChart> {
  const axis = depthAxis(metadata)
  const keys = metadata.updates.map(({ key }) => key)
  const names = metadata.updates.map(({ from, to }) => `${from} → ${to}`)
  const along = (value: (means: EnergyMeans) => number | null) =>
    keys.map((key, i) => ({
      name: names[i]!,
      points: summary.map((layer) => ({ x: layer.layer_idx, y: value(layer[key] as EnergyMeans) })),
    }))
  const cosines = keys.flatMap((key, i) =>
    keys.slice(0, i).map((other, j) => ({
      name: `${names[j]} and ${names[i]}`,
      points: summary.map((layer) => ({
        x: layer.layer_idx,
        y: (layer[key] as EnergyMeans).cosine_mean[other] ?? null,
      })),
    })),
  )
  return {
    fro_norm: {
      title: 'Size of the updates',
      y: 'Mean Frobenius norm of Δ',
      ...axis,
      legend: 'Update',
      series: along((means) => means.fro_norm_mean),
    },
    relative_norm: {
      title: 'Size of the updates, relative to the weights',
      y: `Mean ‖Δ‖ / ‖W‖ of ${metadata.relative_to}`,
      ...axis,
      legend: 'Update',
      series: along((means) => means.relative_norm_mean),
    },
    unchanged: {
      title: 'Elements that no update touched',
      y: 'Share of unchanged elements',
      ...axis,
      legend: 'Update',
      format: '.0%',
      series: along((means) => means.unchanged_mean),
    },
    ...(cosines.length > 0
      ? { cosine: { title: 'Direction of the updates', y: 'Mean cosine', ...axis, legend: 'Between', series: cosines } }
      : {}),
    histogram: {
      title: 'How far elements moved',
      x: '|Δ|, as a power of 2',
      y: 'Share of all elements',
      legend: 'Update',
      format: '.1%',
      series: keys.map((key, i) => histogramSeries(names[i]!, histograms[key]!)),
    },
  }
}

function histogramSeries(name: string, { bin_log2, counts, unchanged }: EnergyResult['histograms'][string]) {
  const total = counts.reduce((sum, count) => sum + count, unchanged) || 1
  const used = counts.flatMap((count, bin) => (count > 0 ? [bin] : []))
  const [first = 0, last = 0] = [used[0], used.at(-1)]
  const points = bin_log2.slice(first, last + 1).map((x, i) => ({ x, y: counts[first + i]! / total }))
  return { name, points }
}
