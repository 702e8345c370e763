import { extractAnswer } from '../../answers/index.ts'

/**
 * The answer a reply states (in answer tags, a `\boxed{}`, after "the answer is", as all it says, or as a choice), or undefined when the best there
 * is would be its last number.
 */
export function stated(response: string, choices?: string[]): string | undefined {
  const { text, from } = extractAnswer(response, { choices })
  return from === 'last-number' ? undefined : (text ?? undefined)
}

const number = /[-+]?(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[-+]?\d+)?/gi

/** The last number in a text without its thousands separators, or undefined. */
export function lastNumber(text: string): string | undefined {
  const found = [...text.matchAll(number)].map(([digits]) => digits).filter((digits) => /\d/.test(digits))
  return found.at(-1)?.replaceAll(',', '')
}
