import { colorNames } from './difficulty.ts'
import { box, type Scene, sideOf, type Thing } from './scene.ts'

/**
 * The scene in words: `3 red circles, blue square left`, `word CAT`, `number 7`, `numbers 3 and 4`. Things of a kind are counted, a
 * single one has its side instead, or its box in pixels (`blue square 31,59,53,81`) with `boxes`. Colors come in the order of the palette.
 */
export function describe(scene: Scene, { boxes = false } = {}): string {
  const texts = scene.texts.map(({ text }) => text)
  if (texts.length > 1) return `numbers ${texts.join(' and ')}`
  if (texts.length === 1) return `${/^\d/.test(texts[0]!) ? 'number' : 'word'} ${texts[0]}`
  const where = (thing: Thing) => (boxes ? box(thing).join(',') : sideOf(thing, scene.size))
  return colorNames
    .map((color) => scene.things.filter((thing) => thing.color === color))
    .filter((same) => same.length > 0)
    .map((same) => {
      const { color, shape } = same[0]!
      return same.length > 1 ? `${same.length} ${color} ${shape}s` : `${color} ${shape} ${where(same[0]!)}`
    })
    .join(', ')
}

/** A question asked of a description instead of an image, as the family `reasoning` and M_v2r ask it. */
export function inWords(description: string, prompt: string): string {
  return `${description}. ${prompt}`
}
