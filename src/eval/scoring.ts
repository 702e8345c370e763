import { checkAnswer } from '../answers/index.ts'
import type { Benchmark, Item } from '../data/index.ts'
import type { Verdict } from './summary.ts'

/** The verdicts on a reply, and what led to them. */
export interface Scored extends Verdict {
  extracted: string
  /** By which of the checker's methods `correct_checked` was reached. */
  method: string
  prediction: string | null
  answer: string
  /** The judge's verdict, where there is a judge; `unknown` when its reply held none. */
  correct_judged?: boolean | 'unknown'
}

/** Both verdicts on a reply: the benchmark's own rule, and our checker. `given` is an extraction made elsewhere, for the rule. */
export async function score(of: Benchmark, item: Item, response: string, given?: string): Promise<Scored> {
  const { answer, choices, precision } = item
  const { extracted, prediction, correct } = of.score(item, response, given)
  const { correct: correct_checked, method } = await checkAnswer(response, answer, { choices, precision })
  return { extracted, correct, correct_checked, method, prediction, answer }
}
