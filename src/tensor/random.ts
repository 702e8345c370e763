import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { check } from '../check.ts'

let state = randomBytes(4).readUInt32LE()

/**
 * Sets what seeds the random operators recorded from here on draw, so that a script repeats. An operator with `{ seed }` of its own does
 * not take part. `seed`: an integer in [0, 2³²).
 */
export function manualSeed(seed: number): void {
  state = check(z.int().min(0).max(0xffffffff), seed, 'seed')
}

let counted: number | undefined

/** Numbers the random operators that `record` records from 0 on, so that what is recorded alike is alike. */
export function countedSeeds<T>(record: () => T): T {
  const before = counted
  counted = 0
  try {
    return record()
  } finally {
    counted = before
  }
}

/** The seed of the next random operator: 53 bits of a SplitMix32 sequence. */
export function nextSeed(): number {
  if (counted !== undefined) return counted++
  return next32() * 2 ** 21 + (next32() >>> 11)
}

function next32(): number {
  state = (state + 0x9e3779b9) | 0
  let mixed = state ^ (state >>> 16)
  mixed = Math.imul(mixed, 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
