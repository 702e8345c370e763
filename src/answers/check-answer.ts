import { z } from 'zod'
import { check, expected } from '../check.ts'
import { afterLetter, areLetters, choiceLetter, choiceNamed, lettersIn, severalLetters } from './choices.ts'
import { type Manner, settle, settleHere, signalOption } from './equivalent.ts'
import { extractAnswer } from './extract.ts'
import { readUnit, type Unit } from './unit.ts'
import { decided, type Method, unknown, type Verdict } from './verdict.ts'
import { isWords } from './words.ts'

const CheckOptions = z.strictObject({
  /** The texts of the choices offered, without their letters. The gold answer may be a letter or one of these texts. */
  choices: z.array(z.string()).max(26).optional(),
  /** Decimal places the benchmark asks for: numbers within half a unit of the last one are equal. Default: exact, or a rounding of the gold answer. */
  precision: z.int().min(0).max(15).optional(),
  /** The unit the question asks for, where the gold answer names none: `cm`, `%`. */
  unit: z.string().optional(),
  /** The answer, where it has been extracted already. */
  extracted: z.string().optional(),
  signal: signalOption,
})

export type CheckOptions = z.input<typeof CheckOptions>

export interface Checked {
  /** `unknown` where the rules decide neither way; never a guess. */
  readonly correct: boolean | 'unknown'
  readonly method: Method
  /** The answer that was judged; null where the response gives none. */
  readonly extracted: string | null
}

/** Letters that a gold answer without a list of choices may refer to. */
const letters = [...'ABCDEFGH']

/**
 * Whether a response gives the gold answer: by string, letter or value of a choice, number (with `precision`), words, or mathematical
 * equivalence. Ends after about two seconds at the latest, then `unknown` by `timeout`. A response without an answer is wrong.
 */
export async function checkAnswer(
  response: string,
  gold: string | number,
  options: CheckOptions = {},
): Promise<Checked> {
  const { choices, precision, unit, extracted, signal } = check(CheckOptions, options)
  const truth = String(check(z.union([z.string(), z.number()]), gold, 'gold'))
  const offered = choices?.length ? choices : /^[A-H]$/.test(truth.trim()) ? letters : []
  const answer = extracted ?? extractAnswer(response, { choices: [...offered] }).text
  if (answer === null || answer.trim() === '') return { ...unanswered(response, truth), extracted: null }
  // `?`, `()`: the response declines to answer
  if (!/[\p{L}\p{N}\\]/u.test(answer.replace(/\\f?boxed/g, '')))
    return { correct: false, method: 'none', extracted: answer }
  const manner = { precision, unit: meaning(unit), grading: true }
  const verdict =
    offered.length > 0
      ? await checkChoice(answer, truth, offered, manner, signal)
      : await settle(answer, truth, manner, signal)
  return { correct: verdict.equal, method: verdict.method, extracted: answer }
}

function meaning(unit: string | undefined): Unit | '%' | undefined {
  if (unit === undefined) return undefined
  const read = /^(?:\\?%|percent(?:age)?)$/i.test(unit.trim()) ? '%' : readUnit(unit)
  if (!read) throw expected("a unit such as 'cm', 'km/h', 'years' or '%'", 'options.unit', unit)
  return read
}

/** Nothing was extracted: wrong, unless the gold answer is text that the response may give in its own words. */
function unanswered(response: string, truth: string): { correct: false | 'unknown'; method: Method } {
  const mayBeSaid = response.trim() !== '' && truth !== '' && !/\d/.test(truth)
  return { correct: mayBeSaid ? 'unknown' : false, method: 'none' }
}

async function checkChoice(
  answer: string,
  truth: string,
  choices: readonly string[],
  manner: Manner,
  signal?: AbortSignal,
): Promise<Verdict> {
  const gold = goldIndex(truth, choices)
  if (gold === undefined) return settle(answer, truth, manner, signal)
  const letter = choiceLetter(answer, choices)
  if (letter === undefined) return checkValue(answer, gold, choices, manner, signal)
  const said = afterLetter(answer)
  // `A` where another choice reads "A"
  const alsoText = choices.indexOf(answer.trim())
  if (alsoText >= 0 && alsoText !== letter)
    return (letter === gold) === (alsoText === gold) ? decided(letter === gold, 'choice') : unknown
  if (said === '' || settleHere(said, choices[letter]!, manner).equal !== false)
    return decided(letter === gold, 'choice')
  const value = choices.findIndex((choice) => settleHere(said, choice, manner).equal === true)
  // other words for the choice are no contradiction; another value is: "(B) 7" where 7 is choice D, or no choice
  if (value < 0 && !/\d/.test(said)) return decided(letter === gold, 'choice')
  return letter === gold || value === gold ? unknown : decided(false, 'choice')
}

/** The choice the gold answer means: its text, else its letter. */
function goldIndex(truth: string, choices: readonly string[]): number | undefined {
  const text = choices.findIndex((choice) => choice.trim() === truth.trim())
  return text >= 0 ? text : choiceLetter(truth, choices)
}

async function checkValue(
  answer: string,
  gold: number,
  choices: readonly string[],
  manner: Manner,
  signal?: AbortSignal,
): Promise<Verdict> {
  const here = choices.map((choice) => settleHere(answer, choice, manner).equal === true)
  const matches = here.filter(Boolean).length
  // "60" where both 60 cm and 60 m are offered
  if (matches > 1 && here[gold] && choices.some((choice, i) => here[i] && choice.trim() !== choices[gold]!.trim()))
    return unknown
  if (matches > 0) return decided(here[gold]!, 'choice-value')
  if (severalLetters(answer)) return decided(false, 'choice')
  const verdict = await settle(answer, choices[gold]!, manner, signal)
  if (verdict.equal !== 'unknown') return { ...verdict, method: 'choice-value' }
  if (areLetters(choices)) return pictured(answer, gold, choices)
  const named = isWords(answer) ? choiceNamed(answer, choices) : undefined
  if (named !== undefined) return decided(named === gold, 'choice-value')
  for (const [i, choice] of choices.entries()) {
    if (i !== gold && (await settle(answer, choice, manner, signal)).equal === true)
      return decided(false, 'choice-value')
  }
  return verdict
}

/** The choices are pictures and have no value: the answer is a letter it mentions, or wrong. */
function pictured(answer: string, gold: number, choices: readonly string[]): Verdict {
  const letters = lettersIn(answer, choices)
  return letters.length > 1 ? unknown : decided(letters[0] === gold, 'choice')
}
