import { z } from 'zod'
import { check } from '../../check.ts'
import { defineBenchmark, identifier } from '../benchmark.ts'
import { bracedFractions, normaliseLatex } from './latex-normal.ts'
import { stated } from './stated.ts'

const layout = z.object({
  problem: z.string(),
  answer: z.string(),
  subject: z.string(),
  level: z.coerce.string(),
  unique_id: z.string(),
})

/**
 * MATH-500: 500 problems of MATH (Hendrycks et al., 2021, arXiv 2103.03874) drawn by Lightman et al. (2023, arXiv 2305.20050). MATH compares the
 * content of the last `\boxed{}` with the answer as text in a normal form; nothing is evaluated.
 */
export const math500 = defineBenchmark({
  name: 'math500',
  hub: 'HuggingFaceH4/MATH-500',
  splits: { test: ['test'] },
  breakdowns: [['level'], ['subject']],
  id: ({ unique_id, id }) => identifier(unique_id, id),
  item({ value, place }) {
    const { unique_id, problem, answer, subject, level } = check(layout, value, place, 'ERR_DATA')
    return { id: unique_id, question: problem, answer, groups: { subject, level } }
  },
  extract: (response) => stated(response) ?? '',
  judge({ answer }, extracted) {
    const prediction = bracedFractions(normaliseLatex(extracted))
    return { prediction, correct: extracted !== '' && prediction === bracedFractions(normaliseLatex(answer)) }
  },
})
