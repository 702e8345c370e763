import { z } from 'zod'
import { choiceLetter as choiceIndex } from '../../answers/choices.ts'
import { check } from '../../check.ts'
import { defineBenchmark, type Item } from '../benchmark.ts'
import { choiceLetter } from '../prompt.ts'
import { normaliseLatex } from './latex-normal.ts'
import { latexValue } from './latex-value.ts'
import { lastNumber, stated } from './stated.ts'

const layout = z.object({
  sample_index: z.coerce.string(),
  problem_index: z.coerce.string(),
  problem_version: z.enum([
    'Text Dominant',
    'Text Lite',
    'Text Only',
    'Vision Intensive',
    'Vision Dominant',
    'Vision Only',
  ]),
  question: z.string(),
  question_for_eval: z.string().nullish(),
  answer: z.string(),
  question_type: z.enum(['multi-choice', 'free-form']),
  metadata: z.object({ subject: z.string(), subfield: z.string(), source: z.string() }),
})

/** For a question whose choices are only in the image. */
const letters = [...'ABCDEFGH']

/**
 * MathVerse (Zhang et al., 2024, arXiv 2403.14624), `testmini`: 788 problems in six versions that move information from the text into the figure. The
 * five versions with a figure are one file, Text Only another whose sample indices start over, so that its ids carry a prefix. In Vision Only the
 * whole question is in the image and nothing of it is asked in text.
 *
 * The benchmark's verdict is a language model's. Here: the letters of a choice question must be the same; for the rest the texts must be the same
 * in MATH's normal form or, units apart, the values equal to two decimals. A judge's extraction can be given, and `correct_checked` is the stricter reading.
 */
export const mathverse = defineBenchmark({
  name: 'mathverse',
  hub: 'AI4Math/MathVerse',
  splits: { testmini: ['testmini', 'testmini_text_only'] },
  breakdowns: [
    ['problem_version'],
    ['subject'],
    ['subject', 'subfield'],
    ['question_type'],
    ['problem_version', 'subject'],
    ['problem_version', 'question_type'],
  ],
  id({ id, sample_index: index, problem_version: version }) {
    if (id !== undefined) return String(id)
    return index === undefined ? undefined : itemId(String(index), String(version))
  },
  item({ value, place }) {
    const record = check(layout, value, place, 'ERR_DATA')
    const { sample_index, problem_version, question_type, metadata } = record
    const shown = withoutChoices(record.question)
    const whole = withoutChoices(record.question_for_eval ?? record.question)
    return {
      id: itemId(sample_index, problem_version),
      question: shown.question,
      choices: question_type === 'multi-choice' ? whole.choices : undefined,
      answer: record.answer.trim(),
      groups: { problem_version, question_type, ...metadata, problem: record.problem_index },
    }
  },
  image: ({ problem_version, image }) => (problem_version === 'Text Only' ? undefined : (image ?? null)),
  imageFolders: ['images'],
  question({ question, choices, groups }) {
    const listed = groups.problem_version === 'Vision Only' ? undefined : choices
    return {
      text: question || 'Answer the question that the image shows.',
      choices: listed,
      form: groups.question_type === 'multi-choice' && !listed ? 'The answer is the letter of a choice.' : undefined,
    }
  },
  extract(response, { groups, choices }) {
    if (groups.question_type === 'free-form') return stated(response) ?? lastNumber(response) ?? ''
    const answer = stated(response, choices ?? letters) ?? ''
    return letterOf(answer, choices) ?? answer
  },
  judge: (item, extracted) =>
    item.groups.question_type === 'multi-choice' ? judgeChoice(item, extracted) : judgeValue(item, extracted),
})

function itemId(sampleIndex: string, version: string): string {
  return version === 'Text Only' ? `text_only_${sampleIndex}` : sampleIndex
}

// Choices stand in the question's text as lines `A:40°` (or `A. …`) after the word "Choices:" (or "Choice:").
function withoutChoices(text: string): { question: string; choices?: string[] } {
  const [question, listed] = text.split(/\n\s*Choices?:?[ ]*\n/)
  const choices = listed?.split(/\n(?=[A-H][:.])/).map((line) => /^\s*([A-H])[:.]\s*(.*)$/s.exec(line))
  const inOrder = choices?.every((match, i) => match?.[1] === String.fromCharCode(65 + i))
  return inOrder
    ? { question: question!.trim(), choices: choices!.map((match) => match![2]!.trim()) }
    : { question: text.trim() }
}

function judgeChoice({ answer, choices }: Item, extracted: string) {
  const prediction = letterOf(extracted, choices) ?? extracted
  const gold = letterOf(answer, choices)
  // two golds name two letters, one a line: no single letter equals those
  return { prediction, correct: gold ? gold === prediction : normal(answer) === normal(extracted) }
}

// The letter an answer names, or that of the choice whose text it gives.
function letterOf(answer: string, choices: readonly string[] = letters): string | undefined {
  const byText = () => choices.findIndex((choice) => normal(choice) === normal(answer))
  const index = choiceIndex(answer, choices) ?? byText()
  return index === -1 ? undefined : choiceLetter(index)
}

function judgeValue({ answer }: Item, extracted: string) {
  const prediction = normal(extracted)
  const gold = normal(answer)
  const [a, b] = [latexValue(prediction), latexValue(gold)]
  const equal = a !== undefined && b !== undefined && Math.abs(a - b) < 0.005
  return { prediction, correct: prediction !== '' && (prediction === gold || equal) }
}

// 掳 is a degree sign that some of the benchmark's own texts lost to a wrong encoding
const unit =
  /(?:\\(?:text|mathrm|rm)\{[^{}]*\}|(?:cubic|square)?(?:units?|[kcm]?m|metres|degrees|°|掳))(?:\^\{?[23]\}?)?$/
const named = /^\s*[A-Za-z][A-Za-z. ]*(?:\(x\))?=|=\s*[a-zA-Z]\s*$/

// `Area $=9 \pi \mathrm{cm}^{2}$` is 9\pi: what is named and measured is in the question.
function normal(text: string): string {
  const bare = normaliseLatex(text.replace(/[$~]/g, '').replace(named, ''))
  return bare.replace(unit, '').replace(/°|掳/g, '').trim()
}
