import { afterAll, expect, test } from 'vitest'
import type { Greedy } from './cases.ts'

const mostCut = 0.05

/**
 * Compares greedy tokens up to the first one that led by less than a near-tie; what follows is cut. Adds a last test that fails
 * when more than a twentieth was cut, and prints how many were.
 */
export function tokenComparison(file: string, nearTie = 1e-3) {
  let compared = 0
  let cut = 0
  return {
    expectTokens(found: readonly number[], { tokens, gaps }: Greedy, where: string) {
      const tie = gaps.findIndex((gap) => gap < nearTie)
      const end = tie < 0 ? tokens.length : tie
      expect(tie < 0 ? found : found.slice(0, end), where).toEqual(tokens.slice(0, end))
      compared += end
      cut += tokens.length - end
    },
    testCuts() {
      test('few tokens are cut at near-ties', () => {
        expect(compared).toBeGreaterThan(0)
        expect(cut / (compared + cut)).toBeLessThanOrEqual(mostCut)
      })
      afterAll(() => console.info(`parity ${file}: ${compared} tokens identical, ${cut} cut at near-ties`))
    },
  }
}
