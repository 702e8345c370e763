import { normalise } from './normalise.ts'
import { wordsOf } from './words.ts'

/**
 * The index of the choice whose letter `answer` is: `C`, `(C)`, `C.`, `C) 12`, `\text{(C)}`, `option C`, `c`. Undefined for a letter outside
 * `choices`, and where the letter is the beginning of a sentence: `A triangle` names no choice by letter.
 */
export function choiceLetter(answer: string, choices: readonly string[]): number | undefined {
  const text = normalise(answer)
    .replace(/\\text\{([^{}]*)\}/g, '$1')
    .replace(/\*\*|\{|\}/g, '')
    .trim()
  if (several.test(text)) return undefined
  const alone =
    /^\(?\[? ?([A-Za-z]) ?\]?\)?[.:]?$/.exec(text) ?? /^\(?(?:option|choice|answer) \(?([A-Za-z])\)?\.?$/i.exec(text)
  const enclosed = /^(?:(?:option|choice) )?(?:\(([A-Za-z])\)|([A-Z])[.):])(?=\s|\\|$|[^a-z])/i.exec(text)
  const letter = alone?.[1] ?? enclosed?.[1] ?? enclosed?.[2]
  if (letter !== undefined) return inRange(letter, choices)
  // `B 7`: the letter and its value with nothing between
  const [, bare, rest] = /^([A-Z]),? (.+)$/s.exec(text) ?? []
  const index = bare === undefined ? undefined : inRange(bare, choices)
  return index !== undefined &&
    (bare !== 'A' || sameText(rest!, choices[index]!)) &&
    (choices[index] === bare || sameText(rest!, choices[index]!))
    ? index
    : undefined
}

const several = /^\(?[A-Z]\)?(?: ?(?:,|;|&|and|or|,? and|,? or|->|\\to|\\rightarrow) ?\(?[A-Z]\)?)+$/

/** Whether an answer is nothing but several letters, `(A), (B) and (C)`: no choice at all where one is asked for. */
export function severalLetters(answer: string): boolean {
  return several.test(plain(answer))
}

/** Choices that are pictures: all their texts are their letters. */
export function areLetters(choices: readonly string[]): boolean {
  return choices.every((choice, i) => choice.replace(/[().\s]/g, '') === String.fromCharCode(65 + i))
}

/** The letters in range that stand alone in a sentence; `A` before a lower-case word is an article unless it is quoted or marked. */
export function lettersIn(sentence: string, choices: readonly string[]): number[] {
  const found = [...sentence.matchAll(/(?<![\p{L}\d\\'’])([A-Z])(?![\p{L}\d'’]|\s[a-z]{2,}(?<! (?:is|was|and|or)))/gu)]
  const quoted = [...sentence.matchAll(/["“(*$]([A-Z])[*$)”"]/g)]
  const indices = [...found, ...quoted].map((match) => inRange(match[1]!, choices))
  return [...new Set(indices.filter((index) => index !== undefined))]
}

/** What stands after the letter of a choice: `12` in `(C) 12`, empty for the letter alone. */
export function afterLetter(answer: string): string {
  return normalise(answer)
    .replace(/^(?:(?:option|choice) )?(?:\\text\{)?(?:\(?[A-Za-z]\)|[A-Za-z][.:])\}?/i, '')
    .replace(/^[A-Z]$/, '')
    .replace(/^[*,.:;\s]+/, '')
}

/** The one choice whose text occurs in `sentence` as words; undefined where none or several do. */
export function choiceNamed(sentence: string, choices: readonly string[]): number | undefined {
  const spoken = ` ${wordsOf(plain(sentence)).join(' ')} `
  const found = choices
    .map((choice, index) => ({ index, words: ` ${wordsOf(plain(choice)).join(' ')} ` }))
    .filter(({ words }) => words.trim() !== '' && spoken.includes(words))
  // `square root` is not also `square`
  const widest = found.filter(
    ({ words }) => !found.some((other) => other.words !== words && other.words.includes(words)),
  )
  return widest.length === 1 ? widest[0]!.index : undefined
}

function plain(text: string): string {
  return normalise(text).replace(/\\text\{([^{}]*)\}/g, '$1')
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => normalise(text).replace(/\s/g, ''))
  return left === right
}

function inRange(letter: string, choices: readonly string[]): number | undefined {
  const index = letter.toUpperCase().charCodeAt(0) - 65
  return index < choices.length ? index : undefined
}
