import type { LineChart } from '../report/plot.ts'
import type { Metadata } from './metadata.ts'

/** The unified depth axis with the thirds of the decoder shaded. */
export function depthAxis({
  regions,
  vision_depth,
}: Pick<Metadata, 'regions' | 'vision_depth'>): Pick<LineChart, 'x' | 'bands'> {
  const bands = Object.entries(regions).map(([label, [first, last]]) => ({ label, from: first - 0.5, to: last + 0.5 }))
  const vision = vision_depth > 0 ? 'vision blocks below 0, projector 0, ' : ''
  return { x: `Layer (${vision}decoder from 1)`, bands }
}
