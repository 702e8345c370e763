/** Runs of letters that are mathematics and not a word. */
const mathematics = /\\[a-zA-Z]+|\b(?:sin|cos|tan|log|ln|exp|gcd|max|min|mod|lcm|arcsin|arccos|arctan|sqrt)\b/g

/** Whether a normalised answer is prose or a name rather than an expression. `AB` is a segment, `abc` a product, `Evelyn` and `no` are words. */
export function isWords(text: string): boolean {
  const rest = text.replace(mathematics, ' ')
  if (/\\text\{[^{}]*[a-zA-Z]{2}/.test(text) || /^(?:no|on|up|it|he)$/i.test(rest.trim())) return true
  const runs = rest.match(/[\p{L}]{3,}/gu) ?? []
  return runs.some((run) => !/^[abcxyz]+$/.test(run) && !/^[A-Z]{3,4}$/.test(run))
}

/** The words of a text answer: lower case, without articles, punctuation and LaTeX. */
export function wordsOf(text: string): string[] {
  const plain = text
    .replace(/\\text\{([^{}]*)\}/g, ' $1 ')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}.\\%+-]+/gu, ' ')
  return plain
    .split(' ')
    .map((word) => word.replace(/^[.-]+(?!\d)|[.-]+$/g, ''))
    .filter((word) => word !== '' && !/^(?:a|an|the)$/.test(word))
}

/**
 * Whether two text answers say the same: equal words do; answers without a common word do not. With some words in common
 * ("equilateral", "equilateral triangle") it takes a reader, hence unknown.
 */
export function sameWords(a: string, b: string): boolean | 'unknown' {
  const [left, right] = [wordsOf(a), wordsOf(b)]
  if (left.join(' ') === right.join(' ')) return left.length > 0 || 'unknown'
  const known = new Set(left.map(stem))
  const common = right.filter((word) => known.has(stem(word))).length
  if (left.length === right.length && left.every((word, i) => stem(word) === stem(right[i]!))) return true
  return common > 0 ? 'unknown' : false
}

/** Plural and singular of one noun. */
function stem(word: string): string {
  return word.length > 3 ? word.replace(/(?<=ss|x|ch|sh)es$|(?<!s)s$/, '') : word
}
