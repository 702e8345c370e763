import { error } from '../errors.ts'
import { type Label, labelOf } from './labels.ts'
import type { Decoder, Recipe, Rule } from './rule.ts'
import { splitTerms, type Token, tokens } from './tokens.ts'

type Region = 'early' | 'middle' | 'late'

/** Decoder layers as a splice names them: thirds, or an inclusive range. */
type Part = { region: Region; thirds: 1 | 2 } | { first: number; last: number }

const components = { all: '', mlp: '.mlp', attn: '.self_attn' } as const
type Component = keyof typeof components

interface Graft {
  model: string
  part: Part
}

type Change =
  | { kind: 'interpolate'; donor: string; alpha: number; component: Component }
  | { kind: 'replace'; donor: string; component: Component }
  | { kind: 'ablate'; noise: number; component: Component }

/**
 * Reads the splice notation of arXiv 2602.12395:
 *
 *     IN early 1/3 layers + RL late 2/3 layers          IN early 1/3 + RL middle 1/3 + IN late 1/3
 *     IN layers 0-11 + RL layers 12-35                  RL late 1/3 layers replaced by IN
 *     IN layers 8-19 interpolate RL alpha=0.5 component=mlp
 *     IN layers 8-19 ablate noise=0.5
 *
 * Words are case-insensitive and `layers` is optional; ranges include their last layer. A model is a label (`base`, `in` = `sft` =
 * `coldstart`, `rl` = `final`) or a path, in quotes where it holds spaces or `+`. Parts joined by `+` must name every decoder layer once;
 * whatever is no decoder layer comes from the model named first. Throws `ERR_RECIPE`.
 */
export function parseSplice(text: string): Recipe {
  const terms = splitTerms(tokens(text), text)
  const parsed = terms.map((term) => new Term(term, text).read())
  const changed = parsed.find(({ change }) => change)
  if (changed && parsed.length > 1)
    throw fail(text, `a part that is changed ('${changed.graft.model} …') stands alone, without '+'`)
  if (!changed && parsed.length === 1)
    throw fail(
      text,
      "expected a second part after '+', or what to do with this one: interpolate, replaced by or ablate",
    )
  const grafts = parsed.map(({ graft }) => graft)
  const donor = changed?.change && 'donor' in changed.change ? [changed.change.donor] : []
  return {
    written: text.trim(),
    models: [...new Set([...grafts.map(({ model }) => model), ...donor])],
    rules: (decoder) =>
      changed ? [ruleOf(changed.graft, changed.change!, decoder, text)] : graftRules(grafts, decoder, text),
  }
}

/** Whether `text` is meant as a splice, not as the name of a model: it has two words or more, the second of which a splice may have. */
export function isSplice(text: string): boolean {
  return /^\s*("[^"]+"|'[^']+'|\S+)\s+(early|middle|late|layers?|\d+-\d+)\b/i.test(text)
}

/** One side of a `+`. */
class Term {
  private at = 0
  private readonly words: readonly Token[]
  private readonly text: string

  constructor(words: readonly Token[], text: string) {
    this.words = words
    this.text = text
  }

  read(): { graft: Graft; change?: Change } {
    const graft = { model: this.model(), part: this.part() }
    if (this.at === this.words.length) return { graft }
    const change = this.change()
    if (this.at < this.words.length) throw this.unexpected('the end')
    return { graft, change }
  }

  private model(): Label | string {
    const word = this.next('a model')
    return word.quoted ? word.text : labelOf(word.text)
  }

  private part(): Part {
    const layersBefore = this.accept('layers', 'layer')
    const word = this.next('early, middle, late or a range of layers').lower
    const range = /^(\d+)(?:-(\d+))?$/.exec(word)
    if (range) {
      this.accept('layers', 'layer')
      const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])]
      if (last < first) throw fail(this.text, `expected a range of layers but found '${word}'`)
      return { first, last }
    }
    if (layersBefore || !isRegion(word)) {
      this.at--
      throw this.unexpected(
        layersBefore ? 'a range of layers such as 8-19' : 'early, middle, late or a range of layers such as 8-19',
      )
    }
    const thirds = this.thirds(word)
    this.accept('layers', 'layer')
    return { region: word, thirds }
  }

  private thirds(region: Region): 1 | 2 {
    const word = this.words[this.at]?.text
    if (word === undefined || !/^\d+\/\d+$/.test(word)) return 1
    this.at++
    if (word === '1/3') return 1
    if (word === '2/3' && region !== 'middle') return 2
    throw fail(
      this.text,
      `expected ${region === 'middle' ? '1/3' : '1/3 or 2/3'} after '${region}' but found '${word}'`,
    )
  }

  private change(): Change {
    if (this.accept('interpolate')) {
      const donor = this.model()
      const { alpha, component } = this.assignments('alpha')
      return { kind: 'interpolate', donor, alpha: this.fraction('alpha', alpha), component }
    }
    if (this.accept('replaced')) {
      if (!this.accept('by')) throw this.unexpected("'by'")
      return { kind: 'replace', donor: this.model(), component: this.assignments().component }
    }
    if (this.accept('ablate')) {
      const { noise, component } = this.assignments('noise')
      return { kind: 'ablate', noise: this.fraction('noise', noise), component }
    }
    throw this.unexpected("'+', interpolate, replaced by, ablate or the end")
  }

  private assignments(value?: 'alpha' | 'noise'): { alpha?: string; noise?: string; component: Component } {
    const given: Record<string, string> = {}
    const allowed = [value, 'component'].filter((name) => name !== undefined)
    while (this.at < this.words.length) {
      const [, name, assigned] = /^([a-z]+)=(.+)$/.exec(this.words[this.at]!.lower) ?? []
      if (name === undefined || !allowed.includes(name) || name in given) {
        throw this.unexpected(allowed.map((name) => `${name}=…`).join(' or '))
      }
      given[name] = assigned!
      this.at++
    }
    const component = given.component ?? 'all'
    if (!(component in components)) {
      throw fail(this.text, `expected component=${Object.keys(components).join('|')} but found '${component}'`)
    }
    return { ...given, component: component as Component }
  }

  private fraction(name: string, text: string | undefined): number {
    const value = Number(text ?? Number.NaN)
    if (value >= 0 && value <= 1) return value
    throw fail(
      this.text,
      `expected ${name}= a number from 0 to 1 but found ${text === undefined ? 'none' : `'${text}'`}`,
    )
  }

  private accept(...words: string[]): boolean {
    const word = this.words[this.at]
    const found = word !== undefined && !word.quoted && words.includes(word.lower)
    if (found) this.at++
    return found
  }

  private next(what: string): Token {
    const word = this.words[this.at]
    if (word === undefined) throw this.unexpected(what)
    this.at++
    return word
  }

  private unexpected(what: string): Error {
    const word = this.words[this.at]
    return fail(this.text, `expected ${what} ${word ? `but found '${word.text}'` : 'at its end'}`)
  }
}

function isRegion(word: string): word is Region {
  return word === 'early' || word === 'middle' || word === 'late'
}

/** Layers [begin, end). */
function layersOf(part: Part, { numHiddenLayers: n, cuts: [a, b] }: Decoder, text: string): [number, number] {
  if ('first' in part) {
    if (part.last < n) return [part.first, part.last + 1]
    throw error(
      'ERR_UNKNOWN_LAYER',
      `Layer ${part.last} of '${text}' does not exist: the decoder has layers 0 to ${n - 1}`,
    )
  }
  if (part.region === 'middle') return [a, b]
  if (part.region === 'early') return [0, part.thirds === 1 ? a : b]
  return [part.thirds === 1 ? b : a, n]
}

function graftRules(grafts: readonly Graft[], decoder: Decoder, text: string): Rule[] {
  const ranges = grafts.map(({ model, part }) => ({ model, layers: layersOf(part, decoder, text) }))
  const makers = Array.from({ length: decoder.numHiddenLayers }, (_, layer) =>
    ranges.filter(({ layers: [begin, end] }) => layer >= begin && layer < end),
  )
  const twice = makers.findIndex((found) => found.length > 1)
  if (twice >= 0) throw fail(text, `layer ${twice} is named twice`)
  const missing = makers.findIndex((found) => found.length === 0)
  if (missing >= 0) throw fail(text, `no part names layer ${missing} of the ${decoder.numHiddenLayers}`)
  return ranges.filter(({ layers: [begin, end] }) => begin < end).map(({ model, layers }) => passthrough(model, layers))
}

function ruleOf({ model, part }: Graft, change: Change, decoder: Decoder, text: string): Rule {
  const layers = layersOf(part, decoder, text)
  const selectors = [`language_model.layers[${layers.join(':')}]${components[change.component]}`]
  switch (change.kind) {
    case 'replace':
      return { ...passthrough(change.donor, layers), selectors }
    case 'ablate':
      return {
        selectors,
        method: 'noise',
        sources: [{ model, settings: {} }],
        settings: { ratio: change.noise },
        layers,
      }
    case 'interpolate': {
      const sources = [
        { model, settings: { weight: 1 - change.alpha } },
        { model: change.donor, settings: { weight: change.alpha } },
      ]
      return { selectors, method: 'linear', sources, settings: {}, layers }
    }
  }
}

function passthrough(model: string, layers: [number, number]): Rule {
  const selectors = [`language_model.layers[${layers.join(':')}]`]
  return { selectors, method: 'passthrough', sources: [{ model, settings: {} }], settings: {}, layers }
}

function fail(text: string, what: string): Error {
  return error('ERR_RECIPE', `The splice '${text.trim()}': ${what}`)
}
