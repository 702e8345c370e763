import { z } from 'zod'
import { choiceLetter as choiceIndex, choiceNamed } from '../../answers/choices.ts'
import { check } from '../../check.ts'
import { editDistance } from '../../edit-distance.ts'
import { defineBenchmark, type Item, identifier } from '../benchmark.ts'
import { choiceLetter } from '../prompt.ts'
import { pythonFloat, pythonInteger, pythonText, roundHalfEven } from './python-number.ts'
import { lastNumber, stated } from './stated.ts'

const layout = z.object({
  pid: z.coerce.string(),
  question: z.string(),
  choices: z.array(z.string()).nullish(),
  unit: z.string().nullish(),
  precision: z.int().min(0).max(15).nullish(),
  // the hidden answers of the large test split are empty
  answer: z.string(),
  question_type: z.enum(['multi_choice', 'free_form']),
  answer_type: z.enum(['text', 'integer', 'float', 'list']),
  metadata: z.object({
    language: z.string(),
    source: z.string(),
    category: z.string(),
    task: z.string(),
    context: z.string(),
    grade: z.string(),
    skills: z.array(z.string()),
  }),
})

const groups = ['question_type', 'answer_type', 'language', 'source', 'category', 'task', 'context', 'grade', 'skills']

/**
 * MathVista (Lu et al., 2023, arXiv 2310.02255), `testmini`: 1,000 questions on 19 kinds of images. The benchmark lets a language model extract the
 * answer; its extraction (`given`) is then brought to the form of the answer, and the two texts must be the same.
 */
export const mathvista = defineBenchmark({
  name: 'mathvista',
  hub: 'AI4Math/MathVista',
  splits: { testmini: ['testmini'], test: ['test'] },
  breakdowns: groups.map((group) => [group]),
  id: ({ pid, id }) => identifier(pid, id),
  item({ value, place }) {
    const record = check(layout, value, place, 'ERR_DATA')
    const { pid, question, answer, choices, unit, precision, question_type, answer_type, metadata } = record
    return {
      id: pid,
      question,
      answer,
      choices: choices ?? undefined,
      unit: unit ?? undefined,
      precision: precision ?? undefined,
      groups: { question_type, answer_type, ...metadata },
    }
  },
  image: ({ decoded_image, image }) => decoded_image ?? image ?? null,
  question(item) {
    const text = item.unit ? `${item.question} (Unit: ${item.unit})` : item.question
    return { text, choices: item.choices, form: item.choices ? undefined : form(item) }
  },
  extract(response, item) {
    const whole = response.trim()
    if (item.choices?.includes(whole) || pythonFloat(whole) !== undefined) return whole
    const answer = stated(response, item.choices)
    if (item.choices) return answer === undefined ? '' : pickChoice(answer, item.choices)
    if (item.groups.answer_type === 'list') return answer ?? whole
    return lastNumber(answer ?? whole) ?? answer ?? ''
  },
  judge(item, extracted) {
    const prediction = normalise(item, extracted.trim())
    return { prediction, correct: prediction?.trim() === item.answer.trim() }
  },
})

function form({ groups: { answer_type: type }, precision }: Item): string | undefined {
  if (type === 'integer') return 'The answer is an integer.'
  if (type === 'list') return 'The answer is a list such as [1, 2, 3].'
  if (type !== 'float' || precision === undefined) return undefined
  return `The answer is a number with ${precision === 1 ? 'one decimal' : `${precision} decimals`}.`
}

// Null where the extraction does not have the form of the answer; for a question with choices the nearest one by edit distance is taken.
function normalise({ choices, precision = 0, groups }: Item, extraction: string): string | null {
  if (extraction === '') return null
  if (choices) {
    const letter = (/\(([a-zA-Z])\)/.exec(extraction)?.[1]?.toUpperCase() ?? extraction).trim()
    const index = choices.findIndex((_, i) => choiceLetter(i) === letter)
    return choices[index] ?? nearest(letter, choices)
  }
  if (groups.answer_type === 'integer') return pythonInteger(extraction)?.toString() ?? null
  if (groups.answer_type !== 'float') return extraction
  const value = pythonFloat(extraction)
  return value === undefined ? null : pythonText(roundHalfEven(value, precision))
}

function pickChoice(answer: string, choices: readonly string[]): string {
  const letter = choiceIndex(answer, choices)
  return letter === undefined ? (choices[choiceNamed(answer, choices) ?? -1] ?? answer) : choiceLetter(letter)
}

function nearest(text: string, choices: readonly string[]): string {
  const distances = choices.map((choice) => editDistance(text, choice))
  return choices[distances.indexOf(Math.min(...distances))] ?? text
}
