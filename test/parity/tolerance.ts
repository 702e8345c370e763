import { afterAll, expect } from 'vitest'
import type { Values } from './values.ts'

/** Largest difference as a fraction of the largest magnitude: two correct attention kernels differ by about 1e-5 in float32. */
export const tolerances = { float32: 5e-5, float64: 1e-10 } as const
export type Precision = keyof typeof tolerances
export const precisions = Object.keys(tolerances) as Precision[]

/** Name of a stored tensor in the precision of the run. */
export function inPrecision(name: string, precision: Precision): string {
  return precision === 'float64' ? `${name}.float64` : name
}

/** max |found - expected| / max |expected|; infinite when anything found is not a number. */
export function relativeError(found: Values, expected: Values): number {
  expect(found.shape).toEqual(expected.shape)
  let difference = 0
  let magnitude = 0
  for (let i = 0; i < expected.data.length; i++) {
    const apart = Math.abs(found.data[i]! - expected.data[i]!)
    difference = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : Math.max(difference, apart)
    magnitude = Math.max(magnitude, Math.abs(expected.data[i]!))
  }
  return difference / magnitude
}

/**
 * Compares within the tolerances, and prints the largest relative error of each category in one line when the file is done:
 * docs/parity.md is that line for every file.
 */
export function comparison(file: string) {
  const worst = new Map<string, number>()
  const record = (category: string, error: number) => worst.set(category, Math.max(worst.get(category) ?? 0, error))
  afterAll(() => {
    const line = [...worst].map(([category, error]) => `${category} ${error.toExponential(1)}`).join(', ')
    console.info(`parity ${file}: ${line}`)
  })
  return {
    record,
    expectClose(category: string, found: Values, expected: Values, precision: Precision, where = '') {
      const error = relativeError(found, expected)
      record(`${category} ${precision}`, error)
      expect(error, `${category} ${where}`).toBeLessThanOrEqual(tolerances[precision])
    },
  }
}
