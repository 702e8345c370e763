import { join } from 'node:path'
import { z } from 'zod'
import { type Figure, type Row, seriesOf, thirdsOf } from '../figure.ts'
import { roleColour } from '../manifest.ts'
import { inStudyOrder, type Material, modelOf, readJson, roleOf } from '../runs.ts'
import { percent, type Section } from '../section.ts'

const mass = z.number().nullable()
const Masses = z.looseObject({
  layers: z.array(z.looseObject({ layer: z.number(), question: mass, generated: mass })),
})

interface AttentionRun {
  model: string
  layers: { layer: number; question: number | null; generated: number | null }[]
}

/** Attention shift: what generated and question tokens pay to the image, by layer; RL minus IN. */
export async function attentionSection(material: Material): Promise<Section | undefined> {
  const found: AttentionRun[] = []
  for (const run of material.runs.filter(({ config }) => config.command === 'probe attention')) {
    const masses = await readJson(join(run.directory, 'attention_mass.json'), Masses)
    if (masses) found.push({ model: modelOf(run, material), layers: masses.layers })
  }
  if (found.length === 0) return undefined
  const models = inStudyOrder(
    found.map(({ model }) => model),
    material,
  )
  const of = (role: string) => found.find(({ model }) => roleOf(model, material) === role)
  const [before, after] = [of('in'), of('rl')]
  const rows = before && after ? shiftOf(before, after) : []
  // a reply of one token pays attention to nothing that could be measured
  const shift = rows.some(({ y }) => y !== null) ? rows : undefined
  const layers = Math.max(...found.flatMap((run) => run.layers.map(({ layer }) => layer))) + 1
  const masses: Figure = {
    id: 'figure-attention',
    title: 'Attention paid to the image',
    caption: 'Share of attention that falls on image tokens, averaged over heads, tokens and samples.',
    mark: 'line',
    x: { title: 'Decoder layer' },
    y: { title: 'Mass on the image', format: '.1~%' },
    seriesTitle: 'Model',
    panelTitle: 'Attending tokens',
    series: seriesOf(models, (name) => roleColour(roleOf(name, material))),
    panels: ['generated tokens', 'question tokens'],
    rows: found.flatMap(({ model, layers }) =>
      layers.flatMap(({ layer, question, generated }): Row[] => [
        { x: layer, y: generated, series: model, panel: 'generated tokens' },
        { x: layer, y: question, series: model, panel: 'question tokens' },
      ]),
    ),
    regions: thirdsOf(layers),
  }
  return {
    id: 'attention',
    name: 'Attention',
    title: 'How much reasoning looks at the image',
    intro:
      'The attention mass that generated (reasoning) tokens put on image tokens, layer by layer; what reinforcement learning added is the difference of RL and IN.',
    findings: shift ? [sentence(shift, before!.model, after!.model)] : [],
    figures: shift ? [masses, shiftFigure(shift, before!.model, after!.model, layers)] : [masses],
    parts: [],
  }
}

function shiftOf(before: AttentionRun, after: AttentionRun): Row[] {
  return after.layers.map(({ layer, generated }) => {
    const earlier = before.layers.find((one) => one.layer === layer)?.generated
    const y = generated === null || earlier === null || earlier === undefined ? null : generated - earlier
    return { x: layer, y, series: 'shift', panel: 'generated tokens' }
  })
}

function shiftFigure(rows: Row[], before: string, after: string, layers: number): Figure {
  return {
    id: 'figure-attention-shift',
    title: `Attention shift: ${after} minus ${before}`,
    caption:
      'Difference of the mass that generated tokens put on the image; above zero, reinforcement learning made the model look more.',
    mark: 'bar',
    x: { title: 'Decoder layer' },
    y: { title: `${after} − ${before}`, format: '+.1~%' },
    seriesTitle: 'Difference',
    panelTitle: 'Attending tokens',
    series: [{ name: 'shift', colour: '#d9621e' }],
    panels: ['generated tokens'],
    rows,
    regions: thirdsOf(layers),
  }
}

function sentence(rows: readonly Row[], before: string, after: string): string {
  const known = rows.filter(({ y }) => y !== null)
  const more = known.filter(({ y }) => y! > 0)
  const largest = known.reduce((a, b) => (Math.abs(b.y!) > Math.abs(a.y!) ? b : a), known[0]!)
  return `Generated tokens of ${after} look more at the image than those of ${before} in ${more.length} of ${known.length} layers; the largest difference is ${largest.y! > 0 ? '+' : ''}${percent(largest.y, 2)} points of attention, in layer ${largest.x}.`
}
