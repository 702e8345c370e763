import type { Item } from '../data/index.ts'
import { bootstrap, type Interval } from '../statistics/index.ts'

/** What `summarise` needs of a record. */
export interface Verdict {
  correct: boolean
  correct_checked: boolean | 'unknown'
  correct_judged?: boolean | 'unknown'
}

/** Accuracies are fractions with 4 decimals; `low` and `high` bound the 95 % bootstrap interval of `accuracy` (seed 123, 2000 resamples). */
export interface Accuracy {
  total: number
  /** By the benchmark's own rule. */
  correct: number
  accuracy: number
  low: number
  high: number
  /** By our checker; `unknown` counts as not correct. */
  correct_checked: number
  accuracy_checked: number
  unknown: number
  /** By the judge, where there is one; `unknown` counts as not correct. */
  correct_judged?: number
  accuracy_judged?: number
}

export interface Summary {
  /** Null without a record. */
  overall: Accuracy | null
  /** `{ subject: { algebra: … }, 'level/subject': { '1/algebra': … } }`, groups in alphabetical order. */
  breakdowns: Record<string, Record<string, Accuracy>>
}

/** Accuracy over all verdicts and by each combination of groups; an item in several groups counts in each. */
export function summarise(
  verdicts: readonly { item: Pick<Item, 'groups'>; verdict: Verdict }[],
  breakdowns: readonly (readonly string[])[],
): Summary {
  return {
    overall: verdicts.length === 0 ? null : accuracy(verdicts.map(({ verdict }) => verdict)),
    breakdowns: Object.fromEntries(
      breakdowns.map((names) => {
        const groups = new Map<string, Verdict[]>()
        for (const { item, verdict } of verdicts) {
          for (const group of combinations(names.map((name) => item.groups[name]))) {
            if (!groups.get(group)?.push(verdict)) groups.set(group, [verdict])
          }
        }
        const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
        return [names.join('/'), Object.fromEntries(sorted.map(([group, members]) => [group, accuracy(members)]))]
      }),
    ),
  }
}

// An item that lacks one of the groups is in none of their combinations.
function combinations(values: readonly (string | string[] | undefined)[]): string[] {
  return values
    .map((value) => (value === undefined ? [] : [value].flat()))
    .reduce<string[][]>((paths, value) => paths.flatMap((path) => value.map((one) => [...path, one])), [[]])
    .map((path) => path.join('/'))
}

export function accuracy(verdicts: readonly Verdict[]): Accuracy {
  const { estimate, low, high } = bootstrap(verdicts.map(({ correct }) => correct))
  const checked = verdicts.filter(({ correct_checked }) => correct_checked === true).length
  return {
    total: verdicts.length,
    correct: verdicts.filter(({ correct }) => correct).length,
    accuracy: fraction(estimate),
    low: fraction(low),
    high: fraction(high),
    correct_checked: checked,
    accuracy_checked: fraction(checked / verdicts.length),
    unknown: verdicts.filter(({ correct_checked }) => correct_checked === 'unknown').length,
    ...judgedAccuracy(verdicts),
  }
}

function judgedAccuracy(verdicts: readonly Verdict[]): Pick<Accuracy, 'correct_judged' | 'accuracy_judged'> {
  if (verdicts.some(({ correct_judged }) => correct_judged === undefined)) return {}
  const correct_judged = verdicts.filter(({ correct_judged }) => correct_judged === true).length
  return { correct_judged, accuracy_judged: fraction(correct_judged / verdicts.length) }
}

/** A fraction with 4 decimals and the bounds of its 95 % bootstrap interval (seed 123, 2000 resamples). */
export interface Estimate {
  value: number
  low: number
  high: number
}

export function estimate({ estimate: value, low, high }: Interval): Estimate {
  return { value: fraction(value), low: fraction(low), high: fraction(high) }
}

/** With 4 decimals, as every result file has fractions. */
export function fraction(value: number): number {
  return Number(value.toFixed(4))
}
