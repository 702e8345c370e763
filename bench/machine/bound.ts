/** Says whether a figure keeps its bound; where it does not, the benchmark ends with 1. */
export function requireAtLeast(what: string, value: number, least: number): void {
  judge(what, value >= least, `${value.toFixed(3)} ≥ ${least}`)
}

export function requireAtMost(what: string, value: number, most: number): void {
  judge(what, value <= most, `${value.toFixed(3)} ≤ ${most}`)
}

function judge(what: string, held: boolean, bound: string): void {
  console.log(`${held ? 'holds' : 'FAILS'}: ${what} ${bound}`)
  if (!held) process.exitCode = 1
}
