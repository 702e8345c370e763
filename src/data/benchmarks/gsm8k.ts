import { z } from 'zod'
import { check } from '../../check.ts'
import { error } from '../../errors.ts'
import { defineBenchmark, identifier } from '../benchmark.ts'
import { lastNumber, stated } from './stated.ts'

const layout = z.object({ question: z.string(), answer: z.string() })
const marked = /####\s*([^\n]+)/

/**
 * GSM8K (Cobbe et al., 2021, arXiv 2110.14168): word problems with an integer answer after `####`. The records have no ids; an item's id is its
 * position, from 0. Right is the same number as text, thousands separators and a dollar sign apart: `18.00` is not `18`.
 */
export const gsm8k = defineBenchmark({
  name: 'gsm8k',
  hub: 'openai/gsm8k',
  splits: { test: ['test'], train: ['train'] },
  folders: ['main', 'data'],
  breakdowns: [],
  id: ({ id }) => identifier(id),
  item({ value, place }, index) {
    const { question, answer } = check(layout, value, place, 'ERR_DATA')
    const gold = marked.exec(answer)?.[1]
    if (gold === undefined)
      throw error('ERR_DATA', `Expected an answer that ends in '#### number' at ${place} but found none`)
    return { id: String(index), question, answer: number(gold), groups: {} }
  },
  extract(response) {
    const answer = [...response.matchAll(new RegExp(marked, 'g'))].at(-1)?.[1] ?? stated(response)
    return lastNumber(answer ?? response) ?? lastNumber(response) ?? ''
  },
  judge({ answer }, extracted) {
    const prediction = number(extracted)
    return { prediction, correct: prediction === answer }
  },
})

function number(text: string): string {
  return text
    .trim()
    .replace(/,/g, '')
    .replace(/^([-+]?)\$/, '$1')
    .replace(/^\+/, '')
    .replace(/\.$/, '')
}
