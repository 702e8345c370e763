import { bootstrap, type Paired, paired } from '../statistics/index.ts'
import { type Estimate, estimate, fraction } from './summary.ts'

/** What two settings of the same questions make of each other: T right, F wrong, the first setting before the second. */
export interface Transitions extends Paired {
  /** FT − TF: questions won less questions lost by the second setting. */
  net_gain: number
  /** TF / (TT + TF): of those right in the first setting, the share lost in the second; null where none was right. */
  side_effect_rate: number | null
  /** FT / (FF + FT): of those wrong in the first setting, the share won in the second; null where none was wrong. */
  lift_rate: number | null
}

/** Null without a question. */
export function transitions(first: readonly boolean[], second: readonly boolean[]): Transitions | null {
  if (first.length === 0) return null
  const counts = paired(first, second)
  const { TT, TF, FT, FF } = counts
  return { ...counts, net_gain: FT - TF, side_effect_rate: ratio(TF, TT + TF), lift_rate: ratio(FT, FF + FT) }
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : fraction(part / whole)
}

export const metricNames = ['M_vis', 'M_v2r', 'M_rea'] as const
export type MetricName = (typeof metricNames)[number]

/** Whether one question counts for a metric, from its verdicts in the settings of that metric (arXiv 2602.12395). */
const counts: Record<MetricName, (verdicts: readonly boolean[]) => boolean> = {
  /** f(i, p) ∧ ¬f(b, p): right with the image and not without. */
  M_vis: ([image, black]) => image! && !black!,
  /** f(i, p) ∧ f(b, d, p): right with the image, and right when words stand for it. */
  M_v2r: ([image, described]) => image! && described!,
  /** f(p): right on text. */
  M_rea: ([text]) => text!,
}

/** The metric over questions, each with its verdicts in the order of the settings; null without a question. */
export function metric(name: MetricName, questions: readonly (readonly boolean[])[]): Estimate | null {
  return questions.length === 0 ? null : estimate(bootstrap(questions.map(counts[name])))
}
