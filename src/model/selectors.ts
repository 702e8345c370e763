import { z } from 'zod'
import { check } from '../check.ts'
import { type ErrorCode, error } from '../errors.ts'

/** Aliases for parts of a model with `n` decoder layers; `early | middle | late` are its thirds, or what two cuts make of it. */
function aliases(layers: number, [a, b]: readonly [number, number]): Record<string, string[]> {
  return {
    early: [`language_model.layers[0:${a}]`],
    middle: [`language_model.layers[${a}:${b}]`],
    late: [`language_model.layers[${b}:${layers}]`],
    vision: ['visual.patch_embed', 'visual.blocks.*'],
    projector: ['visual.merger'],
    embeddings: ['language_model.embed_tokens'],
  }
}

export interface SelectorContext {
  /** Every name there is, in order. */
  names: readonly string[]
  numHiddenLayers: number
  /** First layer of the middle and of the late third; default the thirds. */
  cuts?: readonly [number, number]
}

/** One selector or several. */
export const Selectors = z.union([z.string(), z.array(z.string()).min(1)])

/** What `cuts` may be in a model with `layers` decoder layers. */
export function cutsOf(layers: number) {
  const cut = z.int().min(0).max(layers)
  return z.tuple([cut, cut]).refine(([a, b]) => a <= b, 'two ascending layers')
}

/**
 * The points `selectors` name, in the model's order and each once. A selector is a module path in which `[a:b]` is a half-open range as in
 * Python, `[i]` one index, `*` any one segment and `**` any number of them; a leading `model.` is accepted, `:input` names what goes
 * into the module. Throws `ERR_UNKNOWN_POINT` for a selector that matches nothing, `ERR_UNKNOWN_LAYER` for an index beyond the model.
 */
export function selectPoints(selectors: readonly string[], context: SelectorContext): string[] {
  return select(selectors, context, points)
}

/**
 * The parameters `selectors` name, in the same language: a path means everything under it, so `visual` is the vision tower with its projector.
 * Throws `ERR_UNKNOWN_PARAMETER` for a selector that matches nothing (a tied `lm_head.weight` is none), `ERR_UNKNOWN_LAYER` for an index beyond the model.
 */
export function selectParameters(selectors: readonly string[], context: SelectorContext): string[] {
  return select(selectors, context, parameters)
}

interface Names {
  matches(pattern: string, name: string, sizes: ReadonlyMap<string, number>): boolean
  unknown: ErrorCode
  what: string
  listed: string
}

const points: Names = {
  matches: matchesPoint,
  unknown: 'ERR_UNKNOWN_POINT',
  what: 'point',
  listed: 'model.points()',
}

const parameters: Names = {
  matches: (pattern, name, sizes) => matches(segments(pattern), name.split('.'), '', sizes, true),
  unknown: 'ERR_UNKNOWN_PARAMETER',
  what: 'parameter',
  listed: 'model.parameters()',
}

function select(selectors: readonly string[], context: SelectorContext, kind: Names): string[] {
  const { names, numHiddenLayers: n } = context
  const cuts = context.cuts && check(cutsOf(n), context.cuts, 'cuts')
  const known = aliases(n, cuts ?? [Math.floor(n / 3), Math.floor((2 * n) / 3)])
  const sizes = indexCounts(names)
  const chosen = new Set<string>()
  for (const selector of selectors) {
    const patterns = known[selector] ?? [selector.replace(/^model\./, '')]
    for (const pattern of patterns) {
      const matching = names.filter((name) => kind.matches(pattern, name, sizes))
      if (matching.length === 0) throw unknown(selector, pattern, context, sizes, kind)
      for (const name of matching) chosen.add(name)
    }
  }
  return names.filter((name) => chosen.has(name))
}

function matchesPoint(pattern: string, name: string, sizes: ReadonlyMap<string, number>): boolean {
  const [path, place = ''] = splitPlace(pattern)
  const [namePath, namePlace = ''] = splitPlace(name)
  return place === namePlace && matches(segments(path), namePath.split('.'), '', sizes)
}

function matches(
  pattern: readonly string[],
  name: readonly string[],
  prefix: string,
  sizes: ReadonlyMap<string, number>,
  orUnder = false,
): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return orUnder || name.length === 0
  if (first === '**') {
    const below = (i: number) => matches(rest, name.slice(i), join(prefix, name.slice(0, i)), sizes, orUnder)
    return rest.length === 0 || name.some((_, i) => below(i))
  }
  const [head, ...tail] = name
  if (head === undefined || !matchesSegment(first, head, sizes.get(prefix) ?? 0)) return false
  return matches(rest, tail, join(prefix, [head]), sizes, orUnder)
}

function matchesSegment(pattern: string, segment: string, size: number): boolean {
  if (pattern === '*') return true
  const range = /^\[(-?\d*)(:?)(-?\d*)\]$/.exec(pattern)
  if (!range) return pattern === segment
  if (!/^\d+$/.test(segment)) return false
  const index = Number(segment)
  const absolute = (text: string | undefined, fallback: number) =>
    text === '' || text === undefined ? fallback : Number(text) < 0 ? size + Number(text) : Number(text)
  if (!range[2]) return index === absolute(range[1], 0)
  return index >= absolute(range[1], 0) && index < absolute(range[3], size)
}

// `layers[3:5].mlp` -> layers, [3:5], mlp
function segments(path: string): string[] {
  return path.replaceAll('[', '.[').split('.').filter(Boolean)
}

function splitPlace(name: string): [string, string?] {
  // the colon of a range stands inside brackets
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf(']') ? [name.slice(0, colon), name.slice(colon + 1)] : [name]
}

function join(prefix: string, parts: readonly string[]): string {
  return [prefix, ...parts].filter(Boolean).join('.')
}

// How many numbered children each module has: what negative indices and open ranges count from.
function indexCounts(names: readonly string[]): Map<string, number> {
  const sizes = new Map<string, number>()
  for (const name of names) {
    const parts = splitPlace(name)[0].split('.')
    parts.forEach((part, i) => {
      if (!/^\d+$/.test(part)) return
      const prefix = parts.slice(0, i).join('.')
      sizes.set(prefix, Math.max(sizes.get(prefix) ?? 0, Number(part) + 1))
    })
  }
  return sizes
}

function unknown(
  selector: string,
  pattern: string,
  { names }: SelectorContext,
  sizes: ReadonlyMap<string, number>,
  kind: Names,
): Error {
  if (kind === parameters && /^lm_head(\.weight)?$/.test(pattern)) {
    return error(
      kind.unknown,
      'lm_head.weight is tied to language_model.embed_tokens.weight in this model and no parameter of its own: name that one',
    )
  }
  const layer = /^language_model\.layers(?:\.|\[)(-?\d+)/.exec(pattern)
  const count = sizes.get('language_model.layers') ?? 0
  if (layer && Math.abs(Number(layer[1])) >= count) {
    return error(
      'ERR_UNKNOWN_LAYER',
      `Layer ${layer[1]} of '${selector}' does not exist: the decoder has layers 0 to ${count - 1}`,
    )
  }
  return error(
    kind.unknown,
    `'${selector}' matches no ${kind.what} of the model; nearest is '${nearest(pattern, names)}' (${kind.listed} lists them all)`,
  )
}

// The name that shares the longest beginning.
function nearest(pattern: string, names: readonly string[]): string {
  const shared = (name: string) => {
    let i = 0
    while (i < name.length && name[i] === pattern[i]) i++
    return i
  }
  return names.reduce((best, name) => (shared(name) > shared(best) ? name : best), names[0] ?? '')
}
