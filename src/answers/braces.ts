/** The index of the brace that closes the one at `open`, or -1. Escaped braces do not count. */
export function closing(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    const character = text[i]
    if (character === '\\') i++
    else if (character === '{') depth++
    else if (character === '}' && --depth === 0) return i
  }
  return -1
}

/** How deep braces, brackets and parentheses nest. */
export function depth(text: string): number {
  let deepest = 0
  let current = 0
  for (const character of text) {
    if ('{[('.includes(character)) deepest = Math.max(deepest, ++current)
    else if ('}])'.includes(character)) current = Math.max(0, current - 1)
  }
  return deepest
}

/** Splits at `separators` that stand outside every bracket; `(a,b), {c}` at commas gives two parts. Escaped braces count as brackets here. */
export function splitOutside(text: string, separators: readonly string[]): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text.startsWith('\\begin{', i)) depth++
    else if (text.startsWith('\\end{', i)) depth = Math.max(0, depth - 1)
    const character = text[i]!
    if ('([{'.includes(character)) depth++
    else if (')]}'.includes(character)) depth = Math.max(0, depth - 1)
    const separator = depth === 0 && separators.find((candidate) => text.startsWith(candidate, i))
    if (separator) {
      parts.push(text.slice(start, i))
      start = i + separator.length
      i = start - 1
    }
  }
  parts.push(text.slice(start))
  return parts.map((part) => part.trim())
}
