import { checkAnswer } from '../answers/index.ts'
import type { Benchmark, Item } from '../data/index.ts'
import { FrankentorchError } from '../errors.ts'
import type { Judge } from '../judge/index.ts'
import type { Verdict } from './summary.ts'

/** The verdicts on a reply, and what led to them. */
export interface Scored extends Verdict {
  extracted: string
  /** By which of the checker's methods `correct_checked` was reached. */
  method: string
  prediction: string | null
  answer: string
  /** With a judge: its model, its verdict (`unknown` when its words held none), and its words. */
  judge?: string
  correct_judged?: boolean | 'unknown'
  judge_said?: string
}

/** Both verdicts on a reply: the benchmark's own rule, and our checker. `given` is an extraction made elsewhere, for the rule. */
export async function score(of: Benchmark, item: Item, response: string, given?: string): Promise<Scored> {
  const { answer, choices, precision } = item
  const { extracted, prediction, correct } = of.score(item, response, given)
  const { correct: correct_checked, method } = await checkAnswer(response, answer, { choices, precision })
  return { extracted, correct, correct_checked, method, prediction, answer }
}

// The rules of these start from an answer that a language model found in the reply.
const extractedByModel = ['mathvista', 'mathverse']

/** The same with a judge, who finds the answer where the benchmark's own rule has a language model find it, and gives a verdict of its own. */
export async function judged(
  judge: Judge,
  of: Benchmark,
  item: Item,
  response: string,
  signal?: AbortSignal,
): Promise<Scored> {
  const { question, choices, answer } = item
  // nobody needs to be asked about nothing
  if (response.trim() === '') {
    return { ...(await score(of, item, response)), judge: judge.model, correct_judged: false, judge_said: '' }
  }
  const extracts = extractedByModel.includes(of.name)
  const given = extracts ? await judge.extract({ question, choices, response }, signal).catch(unlessRefused) : undefined
  const verdict = await judge.grade({ question, choices, answer, response }, signal).catch(unlessRefused)
  const { correct, said } = verdict ?? { correct: 'unknown' as const, said: '' }
  return { ...(await score(of, item, response, given)), judge: judge.model, correct_judged: correct, judge_said: said }
}

// A reply that the endpoint will not take, too long for it perhaps, has no verdict; the others have.
function unlessRefused(thrown: unknown): undefined {
  if (thrown instanceof FrankentorchError && thrown.code === 'ERR_ENDPOINT_REQUEST') return undefined
  throw thrown
}
