import { z } from 'zod'
import { check } from '../../check.ts'
import { defineBenchmark, identifier } from '../benchmark.ts'
import { equalMathVision, extractMathVision } from './mathvision-rule.ts'

const layout = z.object({
  id: z.coerce.string(),
  question: z.string(),
  options: z.array(z.string()),
  answer: z.string(),
  level: z.coerce.string(),
  subject: z.string(),
})

/**
 * MathVision (Wang et al., 2024, arXiv 2402.14804): 3,040 competition questions with images, `testmini` 304 of them. Right is the letter of the
 * choice or its value; values are compared to two decimals.
 */
export const mathvision = defineBenchmark({
  name: 'mathvision',
  hub: 'MathLLMs/MathVision',
  splits: { test: ['test'], testmini: ['testmini'] },
  breakdowns: [['level'], ['subject'], ['level', 'subject']],
  id: ({ id }) => identifier(id),
  item({ value, place }) {
    const { id, question, options, answer, level, subject } = check(layout, value, place, 'ERR_DATA')
    return { id, question, answer, choices: options.length > 0 ? options : undefined, groups: { level, subject } }
  },
  image: ({ decoded_image, image }) => decoded_image ?? image ?? null,
  extract: extractMathVision,
  judge({ answer, choices }, extracted) {
    const value = choices?.[answer.charCodeAt(0) - 65] ?? ''
    return {
      prediction: extracted.trim(),
      correct: equalMathVision(answer, extracted) || equalMathVision(value, extracted),
    }
  },
})
