import { z } from 'zod'
import { check } from '../check.ts'
import { closing } from './braces.ts'
import { areLetters, choiceLetter, choiceNamed, lettersIn } from './choices.ts'
import { isWords } from './words.ts'

/** Where in a response its answer was found. */
export type Source = 'answer-tag' | 'boxed' | 'phrase' | 'whole' | 'choice' | 'last-number' | 'none'

export interface Extraction {
  /** The answer as the response spells it; null where it gives none. */
  readonly text: string | null
  readonly from: Source
}

const ExtractOptions = z.strictObject({
  /** The texts of the choices offered, without their letters; a letter then counts as an answer. */
  choices: z.array(z.string()).max(26).optional(),
})

export type ExtractOptions = z.input<typeof ExtractOptions>

/** An answer stands near the end; of longer responses only so much is read, in characters. */
const readable = 200_000
const reasoningEnd = '</think>'

/**
 * The answer a response ends with: the last `<answer>` tag, else the last `\boxed{}` (cut off or not), else what follows the last "the answer
 * is", else the response itself where it is nothing but an answer, else a choice, else its last number. Reasoning up to `</think>` is skipped.
 */
export function extractAnswer(response: string, options: ExtractOptions = {}): Extraction {
  const { choices = [] } = check(ExtractOptions, options)
  const text = check(z.string(), response, 'response').slice(-readable)
  const thought = text.lastIndexOf(reasoningEnd)
  const spoken = thought < 0 ? text : text.slice(thought + reasoningEnd.length)
  const found = search(spoken, choices)
  return found.text === null && spoken.length < text.length ? search(text, choices) : found
}

function search(text: string, choices: readonly string[]): Extraction {
  const tag = lastTag(text)
  if (tag !== undefined) return { text: lastBoxed(tag) ?? lastPhrase(tag) ?? tag, from: 'answer-tag' }
  const finders: [Source, () => string | undefined][] = [
    ['phrase', () => concludingLetter(text, choices)],
    ['boxed', () => lastBoxed(text)],
    ['phrase', () => lastPhrase(text)],
    ['whole', () => whole(text, choices)],
    ['choice', () => lastChoice(text, choices)],
    ['last-number', () => lastNumber(text)],
  ]
  for (const [from, find] of finders) {
    const found = find()?.trim()
    if (found) return { text: found, from }
  }
  return { text: null, from: 'none' }
}

/** How many empty tags or boxes are passed over on the way back. */
const attempts = 32

function lastTag(text: string): string | undefined {
  const lower = text.toLowerCase()
  let end = text.length
  for (let attempt = 0; attempt < attempts; attempt++) {
    const start = end > 0 ? lower.lastIndexOf('<answer>', end - 1) : -1
    if (start < 0) return undefined
    const close = lower.indexOf('</answer>', start)
    const inside = text.slice(start + '<answer>'.length, close < 0 ? undefined : close).trim()
    if (inside !== '' && inside !== '...') return inside
    end = start
  }
  return undefined
}

// `\b` read as an escape leaves a backspace and `oxed`
const box = /(?:\\?f?boxed|\\fbox|[^\P{Cc}\n]oxed|\\framebox) ?(?=\{)|\\boxed (?=[^\s{])/gu
const between = /^[\s$,;.\\)(]*(?:and|or|,|;)?[\s$\\(]*$/

function lastBoxed(text: string): string | undefined {
  const starts = [...text.matchAll(box)].slice(-attempts)
  let later: { start: number; text: string } | undefined
  for (const match of starts.reverse()) {
    const { inside, end } = boxAt(text, match.index + match[0].length)
    if (/^[.\s]*$/.test(inside)) continue
    if (!later) later = { start: match.index, text: inside }
    else {
      // `\boxed{3} and \boxed{-3}`: several answers, one box each
      if (end === undefined || !between.test(text.slice(end, later.start)) || !text.slice(end, later.start).trim())
        break
      later = { start: match.index, text: `${inside}, ${later.text}` }
    }
  }
  return later?.text
}

function boxAt(text: string, open: number): { inside: string; end?: number } {
  if (text[open] !== '{') return { inside: /^[^\s$]+/.exec(text.slice(open, open + 100))?.[0] ?? '' }
  const close = closing(text, open)
  if (close >= 0) return { inside: text.slice(open + 1, close).trim(), end: close + 1 }
  // cut off by the token limit, or one brace short
  const rest = /^[^$\n]*/.exec(text.slice(open + 1))![0]
  return { inside: rest.replace(/\\[\])]\s*$|\\$/, '').trim() }
}

const phrase =
  /(?:(?:final|correct|right|best|my|the) ?\**(?:answer|option|choice|result)|\banswer)(?:\*\*)?(?:[^\S\n]+(?:to|for|of)[^.:\n]{1,80}?)?\s*(?:\*\*)?(?:[^\S\n]*(?:is|are|would be|must be|should be|=|:)(?:\*\*)?)+[^\S\n]*|####\s*/gi

/** What follows the last "the answer is", up to the end of its sentence. */
function lastPhrase(text: string): string | undefined {
  const tail = text.slice(-20_000)
  const matches = [...tail.matchAll(phrase)].slice(-attempts)
  for (const match of matches.reverse()) {
    const rest = tail.slice(match.index + match[0].length).trimStart()
    const found = conclusion(sentence(rest))
    if (found !== '' && !/^(?:not|none of your|unknown)\b/i.test(found)) return found
  }
  return undefined
}

/** A choice named by its letter after the last box: the box was a step on the way. */
function concludingLetter(text: string, choices: readonly string[]): string | undefined {
  const lastBox = [...text.matchAll(box)].at(-1)
  if (!lastBox || choices.length === 0) return undefined
  const { end } = boxAt(text, lastBox.index + lastBox[0].length)
  const letter = end === undefined ? undefined : lastPhrase(text.slice(end))
  return letter !== undefined && choiceLetter(letter, choices) !== undefined ? letter : undefined
}

/** `therefore (B)` without its adverb, `1982 with an income of …` without what is told about the number. */
function conclusion(found: string): string {
  const bare = found.replace(/^(?:therefore|thus|hence|then|clearly|simply),? /i, '')
  return /^(\S*\d\S*?),? (?:with|because|since|as|which|where|when|for)\b/.exec(bare)?.[1] ?? bare
}

/** The first sentence of `text` without its full stop; a point inside a number or a formula ends none, nor does the one of `B. 12`. */
function sentence(text: string): string {
  const line = text.slice(0, text.search(/\n|$/)).trim()
  const formulas = line.split(/(?<!\\)\$/)
  let end = 0
  for (const [i, part] of formulas.entries()) {
    // odd parts are between dollar signs, unless the last one was never closed
    const prose = i % 2 === 0 || i === formulas.length - 1
    const skip = Math.max(0, 2 - end)
    const stop = prose ? part.slice(skip).search(/\.(?=[\s*"'”)]|$)/) : -1
    if (stop >= 0) return unbold(line.slice(0, end + skip + stop))
    end += part.length + 1
  }
  return unbold(line.replace(/\.$/, ''))
}

function unbold(text: string): string {
  return text.replace(/^\**|\**$/g, '').trim()
}

/** A response that is nothing but an answer. */
function whole(text: string, choices: readonly string[]): string | undefined {
  const line = text.trim()
  if (line === '' || line.length > 200 || line.includes('\n')) return undefined
  if (
    choices.length > 0 &&
    (choiceLetter(line, choices) !== undefined || choices.some((choice) => choice.trim() === line))
  )
    return line
  const spoken = line.replace(/\\[a-zA-Z]+/g, ' ').match(/[\p{L}]{2,}/gu) ?? []
  const verb =
    /\b(?:is|are|was|were|be|has|have|can|will|because|therefore|so|equals?|there|cannot|know|sure|I|we|it)\b/i
  return spoken.length <= 3 && !verb.test(line) && (spoken.length === 0 || !isWords(line) || line.length <= 40)
    ? line
    : undefined
}

/** A letter in parentheses, `option C`, or the one choice that the last sentence names. */
function lastChoice(text: string, choices: readonly string[]): string | undefined {
  if (choices.length === 0) return undefined
  const tail = text.slice(-2000).trim()
  const last = lastSentence(tail)
  const letters = [...last.matchAll(/(?:\(|\\text\{\(?|(?:option|choice|answer) \(?)([A-Z])(?=[).:}\s]|$)/g)].map(
    (match) => match[1]!,
  )
  const [letter] = letters.filter((found) => found.charCodeAt(0) - 65 < choices.length).slice(-1)
  if (letter && new Set(letters).size === 1) return letter
  if (areLetters(choices)) {
    const found = lettersIn(last, choices)
    if (found.length === 1) return String.fromCharCode(65 + found[0]!)
  }
  const named = choiceNamed(withoutArticle(last), choices)
  if (named !== undefined) return choices[named]
  const start = choiceLetter(lastLine(tail), choices) ?? choiceLetter(tail.split('\n', 1)[0]!.slice(0, 4), choices)
  return start === undefined ? undefined : String.fromCharCode(65 + start)
}

// a capital A before a lower-case word is an article, unless it is all there is
function withoutArticle(sentence: string): string {
  return sentence.replace(/\bA (?=[a-z]{2,})/g, '')
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1)
}

function lastSentence(text: string): string {
  const line = lastLine(text).trim()
  const ends = [...line.matchAll(/[.!?]\s+(?=[A-Z(])/g)].at(-1)
  return ends ? line.slice(ends.index + ends[0].length) : line
}

const numeral =
  /-?(?:\\\$|[$€£])?(?:\\[dt]?frac\{[^{}]{1,40}\}\{[^{}]{1,40}\}|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:\/\d+)?|\.\d+)(?:\s?\\?%|\^\{?\\circ\}?|°)?/g
const formulas = /\$\$?([^$]{1,300})\$\$?|\\\(([\s\S]{1,300}?)\\\)|\\\[([\s\S]{1,300}?)\\\]/g

/** The last number, with the formula it ends: 8√3 in "… = 8\sqrt{3}$", not 3. */
function lastNumber(text: string): string | undefined {
  const tail = text.slice(-4000)
  // what a conclusion sets in bold is its answer, whatever numbers the sentence goes on to mention
  const bold = [...tail.slice(-600).matchAll(/\*\*([^*\n]{1,40}?)\*\*/g)]
    .map((match) => match[1]!)
    .filter((span) => /\d(?!.*:$)/.test(span))
  if (bold.length > 0) return bold.at(-1)
  const last = [...tail.matchAll(numeral)].at(-1)
  if (!last) return undefined
  const formula = [...tail.matchAll(formulas)].at(-1)
  if (formula && formula.index <= last.index && last.index < formula.index + formula[0].length) {
    const inside = (formula[1] ?? formula[2] ?? formula[3] ?? '')
      .split(/=|\\approx|\\implies|\\Rightarrow/)
      .at(-1)!
      .trim()
    if (/\d/.test(inside)) return inside.replace(/[.,]$/, '')
  }
  // `158 + x` is one answer
  const sum = /^(?:\s?[-+*/^]\s?(?:[a-zA-Z](?![a-zA-Z])|\d+(?:\.\d+)?))+/.exec(tail.slice(last.index + last[0].length))
  return `${last[0]}${sum?.[0] ?? ''}`
}
