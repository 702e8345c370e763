/** Levenshtein's distance between two texts, in Unicode code points. */
export function editDistance(a: string, b: string): number {
  const [from, to] = [[...a], [...b]]
  let row = Array.from({ length: to.length + 1 }, (_, j) => j)
  from.forEach((character, i) => {
    const next = [i + 1]
    to.forEach((other, j) => {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (character === other ? 0 : 1)))
    })
    row = next
  })
  return row[to.length]!
}
