import { type Answer, asList, readAnswer } from './answer.ts'
import { compareMeasures } from './measure.ts'
import type { Real } from './real.ts'
import type { Unit } from './unit.ts'
import { decided, doubt, every, some, unknown, type Verdict } from './verdict.ts'
import { sameWords } from './words.ts'

/** A part that does not split further. */
export type Leaf = { readonly text: string; readonly value?: Real }

export interface Comparison {
  /** Decimal places that count; by default numbers must be equal, or one a rounding of the other. */
  readonly precision?: number
  /** The unit that is meant where an answer names none; `%` for a percentage. */
  readonly unit?: Unit | '%'
  /** A reply is graded against a gold answer: what the question asked for may be left out. Off: plain mathematics. */
  readonly grading: boolean
  /** What is counted matters: in a list the nouns tell the numbers apart. */
  readonly nouns?: boolean
  /** Compares what does not split further. */
  readonly leaf: (a: Leaf, b: Leaf, comparison: Comparison) => Verdict
  /** Compares two equations by their differences of sides. */
  readonly equations: (a: string, b: string) => Verdict
}

/** Whether two answers are the same: as strings, then part by part, down to `comparison.leaf`. */
export function compareAnswers(a: string, b: string, comparison: Comparison): Verdict {
  if (a.trim() === b.trim()) return decided(true, 'exact')
  const [left, right] = [readAnswer(a), readAnswer(b)]
  if (!left || !right || left.text === '' || right.text === '') return unknown
  return compare(left, right, comparison)
}

function compare(a: Answer, b: Answer, comparison: Comparison): Verdict {
  if (squeezed(a) === squeezed(b)) return decided(true, 'exact')
  if (a.kind === 'equation' || b.kind === 'equation') return compareEquations(a, b, comparison)
  if (a.kind === 'words' || b.kind === 'words') return compareWords(a, b)
  if (isQuantity(a) && isQuantity(b)) return compareMeasures(a, b, comparison)
  return compareStructures(a, b, comparison)
}

function isQuantity(answer: Answer) {
  return answer.kind === 'number' || answer.kind === 'expression'
}

function squeezed(answer: Answer): string {
  const whole = 'measured' in answer && answer.measured ? answer.measured : answer.text
  return whole.replace(/(?<!\d)\s|\s(?!\d)/g, '')
}

/** A name that an answer may be introduced by: `x`, `x_1`, `f(x)`, `\theta`, `AB`, `\text{area}`. */
const name =
  /^(?:\\?[a-zA-Z]{1,12}|\\text\{[^{}]*\}|\\(?:angle|overline|triangle) ?\{?[A-Z]+\}?)(?:_\{?\w+\}?)?(?:\([a-zA-Z\d]\))?'?$/

function compareEquations(a: Answer, b: Answer, comparison: Comparison): Verdict {
  if (a.kind === 'equation' && b.kind === 'equation') {
    const lefts = [a.left, b.left].map((left) => left.replace(/\s/g, ''))
    // `f(x) = 2x` and `y = 2x` define one function
    const defines = lefts.some((left) => /^[a-zA-Z]\([a-z]\)$/.test(left)) && lefts.every((left) => name.test(left))
    if (lefts[0] === lefts[1] || defines) return compare(a.right, b.right, comparison)
    if (!isQuantity(a.right) || !isQuantity(b.right)) return unknown
    return comparison.equations(a.text, b.text)
  }
  const [equation, other] = a.kind === 'equation' ? [a, b] : [b as Answer & { kind: 'equation' }, a]
  // `2 + 3 = 5` ends in its value; `2x + 3 = 7` is no value at all
  const introduced =
    name.test(equation.left.replace(/\s/g, '')) || !/[a-zA-Z]/.test(equation.left.replace(/\\[a-zA-Z]+/g, ''))
  const verdict = compare(equation.right, other, comparison)
  return introduced ? verdict : doubt(verdict)
}

function compareWords(a: Answer, b: Answer): Verdict {
  if (a.kind === 'words' && b.kind === 'words') {
    const same = sameWords(a.text, b.text)
    return same === 'unknown' ? unknown : decided(same, 'text')
  }
  const [words, other] = a.kind === 'words' ? [a, b] : [b, a]
  return /\d/.test(words.text) || other.kind === 'expression' ? unknown : decided(false, 'text')
}

function compareStructures(a: Answer, b: Answer, comparison: Comparison): Verdict {
  if (a.kind === 'number' && 'items' in b) return withItems(asList(a), b, comparison)
  if (b.kind === 'number' && 'items' in a) return withItems(a, asList(b), comparison)
  return withItems(a, b, comparison)
}

function withItems(a: Answer, b: Answer, comparison: Comparison): Verdict {
  if (a.kind === 'ratio' || b.kind === 'ratio') return compareRatios(a, b, comparison)
  if (a.kind === 'matrix' || b.kind === 'matrix') return compareMatrices(a, b, comparison)
  if ('items' in a && 'items' in b) {
    if (a.kind === 'brackets' && b.kind === 'brackets') {
      const alike = a.open === b.open && a.close === b.close && a.items.length === b.items.length
      return alike ? inOrder(a.items, b.items, comparison) : decided(false, 'exact')
    }
    // a tuple that lost its parentheses
    if (a.kind === 'brackets' || b.kind === 'brackets') {
      const loose = (a.kind === 'list' || b.kind === 'list') && a.items.length === b.items.length
      return loose ? inOrder(a.items, b.items, comparison) : single(a, b, comparison)
    }
    return inAnyOrder(a.items, b.items, comparison, a.kind === 'set' && b.kind === 'set')
  }
  return single(a, b, comparison)
}

/** `{5}` and 5 are one answer; otherwise several values are not one value. */
function single(a: Answer, b: Answer, comparison: Comparison): Verdict {
  const [several, other] = 'items' in a && a.items.length === 1 ? [a, b] : [b, a]
  const only = 'items' in several && several.items.length === 1 && several.kind === 'set' ? several.items[0] : undefined
  if (only && !('items' in other)) return compare(only, other, comparison)
  // a name or a vector expression may stand for a tuple, a set or an interval, but not for a list of values
  const named = [a, b].some(({ kind }) => kind === 'expression') && ![a, b].some(({ kind }) => kind === 'list')
  return named ? unknown : decided(false, 'exact')
}

function inOrder(a: readonly Answer[], b: readonly Answer[], comparison: Comparison): Verdict {
  return every(a.map((item, i) => compare(item, b[i]!, comparison)))
}

function inAnyOrder(a: readonly Answer[], b: readonly Answer[], comparison: Comparison, sets: boolean): Verdict {
  if (a.length !== b.length && !sets) return decided(false, 'exact')
  const table = a.map((item) => b.map((other) => compare(item, other, { ...comparison, nouns: true })))
  return every([...table.map(some), ...b.map((_, column) => some(table.map((row) => row[column]!)))])
}

function compareRatios(a: Answer, b: Answer, comparison: Comparison): Verdict {
  if (a.kind === 'ratio' && b.kind === 'ratio') {
    if (a.items.length !== b.items.length) return decided(false, 'exact')
    const pairs = a.items
      .slice(1)
      .map((_, i) => [quotient(a.items[0]!, a.items[i + 1]!), quotient(b.items[0]!, b.items[i + 1]!)] as const)
    return every(pairs.map(([left, right]) => compareAnswers(left, right, comparison)))
  }
  const [ratio, other] = a.kind === 'ratio' ? [a, b] : [b as Answer & { kind: 'ratio' }, a]
  if (ratio.items.length !== 2 || !isQuantity(other)) return decided(false, 'exact')
  return compareAnswers(quotient(ratio.items[0]!, ratio.items[1]!), other.text, comparison)
}

function quotient(over: Answer, under: Answer): string {
  return `\\frac{${over.text}}{${under.text}}`
}

function compareMatrices(a: Answer, b: Answer, comparison: Comparison): Verdict {
  const [left, right] = [cells(a), cells(b)]
  if (!left || !right) return decided(false, 'exact')
  if (a.kind === 'matrix' && b.kind === 'matrix' && !alike(a.rows, b.rows)) return decided(false, 'exact')
  return left.length === right.length ? inOrder(left, right, comparison) : decided(false, 'exact')
}

function alike(a: readonly Answer[][], b: readonly Answer[][]): boolean {
  return a.length === b.length && a.every((row, i) => row.length === b[i]!.length)
}

/** The entries of a matrix row by row, or of a tuple: a column vector may be written as one. */
function cells(answer: Answer): readonly Answer[] | undefined {
  if (answer.kind === 'brackets') return answer.items
  if (answer.kind !== 'matrix') return undefined
  return answer.rows.flat()
}
