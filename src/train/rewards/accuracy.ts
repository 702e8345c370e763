import { z } from 'zod'
import { checkAnswer, extractAnswer } from '../../answers/index.ts'
import { check } from '../../check.ts'
import type { DataRecord } from '../../data/record.ts'
import type { Reward } from './reward.ts'

/** Whether `found` answers the sample; asked only where no rule decides. */
export type AskJudge = (sample: DataRecord, found: string) => Promise<boolean>

const AccuracyOptions = z.strictObject({
  judge: z.custom<AskJudge>((value) => typeof value === 'function', 'a function').optional(),
})

export interface AccuracyOptions {
  /** Who decides where the rules do not, as a language model. Without one such a completion gets 0. */
  judge?: AskJudge
}

/** A shorter text of at least this share of a longer one that contains it says the same. */
const nearlyAll = 0.9

/**
 * 1 for the sample's answer, else 0 (reference recipe of arXiv 2602.12395): the letter of a choice; the same text; a text that contains the other
 * at 90 % of its length or more; a value that `checkAnswer` finds equal; else what the judge says.
 */
export function accuracy(options: AccuracyOptions = {}): Reward {
  const { judge } = check(AccuracyOptions, options)
  return async (sample, { text }) => {
    const { choices, answer } = sample
    const found = extractAnswer(text, { choices: choices ?? [] }).text
    if (found === null || found.trim() === '') return 0
    if (!choices?.length && sameText(found, answer)) return 1
    const { correct } = await checkAnswer(text, answer, { choices, extracted: found })
    if (correct !== 'unknown') return Number(correct)
    return judge && (await judge(sample, found)) ? 1 : 0
  }
}

// A number that contains another is another number: 1000000000 and 10000000001.
function sameText(found: string, answer: string): boolean {
  const [a, b] = [normal(found), normal(answer)]
  if (a === b) return true
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  return !/\d/.test(long) && long.includes(short) && short.length >= nearlyAll * long.length
}

function normal(text: string): string {
  return text.trim().toLowerCase().replace(/\s+/g, ' ')
}
