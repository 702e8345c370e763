/** The parts of a model in which the paper counts. `head` is the final norm and the output projection. */
export const blocks = ['vision', 'projector', 'embeddings', 'early', 'middle', 'late', 'head'] as const
export type Block = (typeof blocks)[number]

/** Decoder layers [begin, end) of the early, middle and late third (arXiv 2602.12395). */
export function thirds(numHiddenLayers: number): Record<'early' | 'middle' | 'late', [begin: number, end: number]> {
  const [first, second] = [Math.floor(numHiddenLayers / 3), Math.floor((2 * numHiddenLayers) / 3)]
  return { early: [0, first], middle: [first, second], late: [second, numHiddenLayers] }
}

/** The part to which the parameter with internal name `name` belongs. */
export function blockOf(name: string, numHiddenLayers: number): Block {
  if (name.startsWith('visual.merger.')) return 'projector'
  if (name.startsWith('visual.')) return 'vision'
  if (name.startsWith('language_model.embed_tokens.')) return 'embeddings'
  const layer = /^language_model\.layers\.(\d+)\./.exec(name)?.[1]
  if (layer === undefined) return 'head'
  const { early, middle } = thirds(numHiddenLayers)
  if (Number(layer) < early[1]) return 'early'
  return Number(layer) < middle[1] ? 'middle' : 'late'
}
