import { depth, splitOutside } from './braces.ts'
import { normalise } from './normalise.ts'
import { readNumber } from './number.ts'
import type { Real } from './real.ts'
import { splitUnit, type Unit } from './unit.ts'
import { isWords } from './words.ts'

/** A value, perhaps of a measure: `text` is the value alone, `measured` the whole. */
export type Quantity = (
  | { kind: 'number'; text: string; value: Real; percent: boolean }
  | { kind: 'expression'; text: string }
) & { unit?: Unit; measured?: string }

/** What an answer is, as far as its notation tells. */
export type Answer =
  | Quantity
  | { kind: 'words'; text: string }
  | { kind: 'equation'; text: string; left: string; right: Answer }
  | { kind: 'brackets'; text: string; open: string; close: string; items: Answer[] }
  | { kind: 'list' | 'set' | 'union' | 'ratio'; text: string; items: Answer[] }
  | { kind: 'matrix'; text: string; rows: Answer[][] }

/** Longer or deeper answers are compared as text only: nobody grades them, and parsers recurse. */
const limits = { length: 2000, depth: 24, items: 64 }

/** Reads an answer as written; undefined where it is too long or nests too deep to be one. */
export function readAnswer(answer: string): Answer | undefined {
  if (answer.length > 2 * limits.length) return undefined
  const text = normalise(answer)
  if (text.length > limits.length || depth(text) > limits.depth) return undefined
  return read(text)
}

function read(text: string): Answer {
  return (
    number(text) ??
    union(text) ??
    measured(text) ??
    matrix(text) ??
    enclosed(text) ??
    list(text) ??
    plusMinus(text) ??
    inequality(text) ??
    equation(text) ??
    ratio(text) ??
    (isWords(text) ? words(text) : { kind: 'expression', text })
  )
}

function words(text: string): Answer {
  const empty = /^(?:(?:there (?:is|are) )?no (?:real )?solutions?|(?:the )?empty set)$/i.test(text)
  return empty ? { kind: 'expression', text: '\\emptyset' } : { kind: 'words', text }
}

function number(text: string): Answer | undefined {
  const value = readNumber(text)
  return value && { kind: 'number', text, value, percent: text.endsWith('%') }
}

function measured(text: string): Answer | undefined {
  const split = splitUnit(text)
  if (!split) return undefined
  const value = read(normalise(split.value))
  if (value.kind !== 'number' && value.kind !== 'expression') return undefined
  return { ...value, unit: split.unit, measured: text }
}

function union(text: string): Answer | undefined {
  const parts = splitOutside(text, ['\\cup', '\\bigcup'])
  return parts.length > 1 ? items('union', text, parts) : undefined
}

const pairs: Readonly<Record<string, readonly string[]>> = {
  '(': [')', ']'],
  '[': [')', ']'],
  '\\{': ['\\}'],
  '\\langle': ['\\rangle'],
  '{': ['}'],
}

function enclosed(text: string): Answer | undefined {
  for (const [open, closes] of Object.entries(pairs)) {
    const close = text.startsWith(open) && closes.find((candidate) => text.endsWith(candidate))
    if (!close || text.length < open.length + close.length) continue
    const inside = text.slice(open.length, text.length - close.length)
    if (!balanced(inside)) continue
    const parts = splitOutside(inside, [',', ';'])
    const set = open === '\\{' || open === '{'
    if (parts.length < 2 && !set && open !== '[') return undefined
    if (parts.length > limits.items || (set && /\\mid|\||:/.test(inside))) return undefined
    const parsed = parts.filter((part) => part !== '').map((part) => read(normalise(part)))
    if (set) return { kind: 'set', text, items: parsed }
    return {
      kind: 'brackets',
      text,
      open: open === '\\langle' ? '(' : open,
      close: close === '\\rangle' ? ')' : close,
      items: parsed,
    }
  }
  return undefined
}

// `(1,2) + (3,4)` starts and ends with a bracket, but not with the same one
function balanced(inside: string): boolean {
  let level = 0
  for (const character of inside) {
    if ('([{'.includes(character)) level++
    else if (')]}'.includes(character) && --level < 0) return false
  }
  return level === 0
}

const matrices = /^\\begin\{([pbBvV]?matrix|array)\}(?: ?\{[lcr| ]*\})?(.*)\\end\{\1\}$/s

function matrix(text: string): Answer | undefined {
  const bare = /^(?:\(|\[)? ?(\\begin.*\\end\{[a-zA-Z]+\}) ?(?:\)|\])?$/s.exec(text)?.[1] ?? text
  const [, , body] = matrices.exec(bare) ?? []
  if (body === undefined || body.includes('\\begin')) return undefined
  const lines = body.split('\\\\').map((line) => line.replace(/\\hline/g, '').trim())
  const rows = lines.filter((line) => line !== '').map((line) => line.split('&').map((cell) => read(normalise(cell))))
  return rows.length * (rows[0]?.length ?? 0) <= limits.items ? { kind: 'matrix', text, rows } : undefined
}

const conjunction = /(?:,|;)? ?(?:\\text\{ ?(?:and|or) ?\}|(?<=[\s\d})])(?:and|or)(?=[\s\d({\\-]))/g

function list(text: string): Answer | undefined {
  // a thousands separator that is not one: `12,5`, `1, 234`
  const separated = text.replace(conjunction, ',')
  const parts = splitOutside(separated, [',', ';']).filter((part) => part !== '')
  if (parts.length < 2 || parts.length > limits.items) return undefined
  const list = items('list', text, parts)
  // words with a comma in them are words
  return list.items.every((item) => item.kind === 'words') ||
    list.items.some((item) => item.kind === 'words' && /\s/.test(item.text))
    ? { kind: 'words', text }
    : list
}

/** `a \pm b` is the list of its two values. */
function plusMinus(text: string): Answer | undefined {
  const parts = text.split(/\\pm(?![a-zA-Z])/)
  if (parts.length !== 2) return undefined
  const [before, after] = parts as [string, string]
  return items('list', text, [`${before}+${after}`, `${before}-${after}`])
}

const flipped: Readonly<Record<string, string>> = { '<': '>', '>': '<', '\\le': '\\ge', '\\ge': '\\le' }
const relations = /\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|\\lt(?![a-zA-Z])|\\gt(?![a-zA-Z])|<=|>=|<|>/g

/** `2 \le x < 5` is the interval [2, 5), `x > 2` is (2, ∞). */
function inequality(text: string): Answer | undefined {
  const signs = (text.match(relations) ?? []).map(
    (sign) => ({ '\\lt': '<', '\\gt': '>', '<=': '\\le', '>=': '\\ge' })[sign] ?? sign,
  )
  const sides = text.split(relations).map((side) => side.trim())
  const variable = sides.findIndex((side) => /^[a-zA-Z]$|^\\(?:theta|alpha|beta|lambda|mu)$/.test(side))
  if (variable < 0 || signs.length === 0 || signs.length > 2 || sides.some((side) => side === '')) return undefined
  let low: [string, string] = ['(', '-\\infty']
  let high: [string, string] = [')', '\\infty']
  for (const [i, sign] of signs.entries()) {
    if (i !== variable && i + 1 !== variable) return undefined
    const relation = i === variable ? sign : flipped[sign]!
    const bound = i === variable ? sides[i + 1]! : sides[i]!
    if (relation === '<' || relation === '\\le') high = [relation === '<' ? ')' : ']', bound]
    else low = [relation === '>' ? '(' : '[', bound]
  }
  const ends = [low[1], high[1]].map((end) => read(normalise(end)))
  return { kind: 'brackets', text, open: low[0], close: high[0], items: ends }
}

function equation(text: string): Answer | undefined {
  const membership = /^([a-zA-Z]) ?\\in(?![a-zA-Z]) ?(.+)$/s.exec(text)
  if (membership) return { kind: 'equation', text, left: membership[1]!, right: read(normalise(membership[2]!)) }
  if (/\\(?:ne|le|ge|approx|equiv)(?![a-zA-Z])|[<>]/.test(text)) return undefined
  const sides = splitOutside(text, ['='])
  if (sides.length < 2 || sides.some((side) => side === '')) return undefined
  return { kind: 'equation', text, left: sides[0]!, right: read(normalise(sides.at(-1)!)) }
}

function ratio(text: string): Answer | undefined {
  if (isWords(text)) return undefined
  const parts = splitOutside(text, [':', '\\colon'])
  return parts.length > 1 && parts.length <= 8 && parts.every((part) => part !== '')
    ? items('ratio', text, parts)
    : undefined
}

function items<Kind extends 'list' | 'set' | 'union' | 'ratio'>(kind: Kind, text: string, parts: string[]) {
  return { kind, text, items: parts.map((part) => read(normalise(part))) }
}

/** `1,234` read as two numbers: what it is when the other side is a list of two. */
export function asList(answer: Answer): Answer {
  if (answer.kind !== 'number' || !/^\d{1,3}(?:,\d{3})+$/.test(answer.text)) return answer
  return items('list', answer.text, answer.text.split(','))
}
