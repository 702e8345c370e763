import { type LineChart, lineChart, renderPng, renderSvg } from '../report/plot.ts'
import type { Run } from '../run/run.ts'
import { depthAxis } from './depth-axis.ts'
import type { SpectrumResult } from './spectrum.ts'
import type { SpectrumMeans } from './spectrum-summary.ts'

/** Plots of a spectrum comparison along the depth of the model, each as SVG and PNG. */
export async function writeSpectrumCharts(run: Run, result: SpectrumResult): Promise<void> {
  for (const [name, chart] of Object.entries(spectrumCharts(result))) {
    const svg = await renderSvg(lineChart(chart))
    await run.write(`${name}.svg`, svg)
    await run.write(`${name}.png`, await renderPng(svg))
  }
}

/** The charts by the names of their files. */
export function spectrumCharts({ metadata, summary }: SpectrumResult): Record<string, LineChart> {
  const axis = { ...depthAxis(metadata), subtitle: metadata.component.join(', '), legend: 'Update' }
  const along = (measure: keyof SpectrumMeans) =>
    metadata.updates.map(({ key, from, to }) => ({
      name: `${from} → ${to}`,
      points: summary.map((layer) => ({ x: layer.layer_idx, y: (layer[key] as SpectrumMeans)[measure] })),
    }))
  const pairs = Object.keys(summary[0]?.angles ?? {})
  const complete = metadata.method !== 'randomized'
  return {
    spectral_norm: {
      title: 'Largest singular value of the updates',
      y: 'Mean σ₁',
      ...axis,
      series: along('spectral_norm_mean'),
    },
    stable_rank: { title: 'Stable rank of the updates', y: '‖Δ‖² / σ₁²', ...axis, series: along('stable_rank_mean') },
    ...(complete
      ? {
          effective_rank: {
            title: 'Effective rank of the updates',
            y: 'exp of the entropy of σ',
            ...axis,
            series: along('effective_rank_mean'),
          },
        }
      : {}),
    log_volume: {
      title: 'Log-volume of the updates',
      y: 'Σ ln σ of the first 50',
      ...axis,
      series: along('log_volume_mean'),
    },
    ...(pairs.length > 0
      ? {
          principal_angles: {
            title: 'Angle between the leading subspaces of the updates',
            y: 'Mean principal angle (radians)',
            ...axis,
            legend: 'Between',
            series: pairs.map((pair) => ({
              name: pair.replace(',', ' and '),
              points: summary.map(({ layer_idx, angles }) => ({ x: layer_idx, y: angles[pair] ?? null })),
            })),
          },
        }
      : {}),
  }
}
