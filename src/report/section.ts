import type { Figure } from './figure.ts'
import type { Html } from './html.ts'

/** A part of the report. One that found nothing is `undefined` and left out. */
export interface Section {
  id: string
  /** As the navigation has it. */
  name: string
  title: string
  /** What this part of the analysis asks and does; plain text. */
  intro: string
  /** What was found, in sentences for the answer on top; each says on how much it rests. */
  findings: string[]
  figures: Figure[]
  /** Tables, samples and the like, after the figures. */
  parts: Html[]
}

export function percent(fraction: number | null | undefined, digits = 1): string {
  return fraction === null || fraction === undefined ? '–' : `${(100 * fraction).toFixed(digits)}`
}

/** `a`, `a and b`, `a, b and c` */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
