/**
 * Whether two answers differ in the sense of the change rate (arXiv 2602.12395, functional localization): lower case, trimmed, without
 * trailing `.,!?;:`; below 20 characters both, they differ when they are not equal; else unless one contains the other.
 * Exactly one empty answer differs. The published code takes the empty answer for contained in a long one: `compat` does too.
 */
export function changed(original: string, swapped: string, { compat = false } = {}): boolean {
  const [a, b] = [normalize(original), normalize(swapped)]
  if (!compat && (a === '') !== (b === '')) return true
  if (length(a) < shortAnswer && length(b) < shortAnswer) return a !== b
  return !a.includes(b) && !b.includes(a)
}

const shortAnswer = 20

function normalize(answer: string): string {
  return answer
    .toLowerCase()
    .trim()
    .replace(/[.,!?;:]+$/, '')
}

// Characters as Python counts them, not UTF-16 units.
function length(text: string): number {
  return [...text].length
}
