import { z } from 'zod'
import { check } from '../check.ts'

const WORDS = 624
const SHIFT = 397
const seedSchema = z.union([z.int().min(0).max(0xffffffff), z.array(z.int().min(0).max(0xffffffff)).min(1)])
const count = z.int().min(0)

/**
 * NumPy's legacy `RandomState`: the 32-bit Mersenne Twister with the seeding and the draws NumPy has frozen since 1.x, so that a
 * seed names the same samples here as in a Python script. An integer seed goes through `init_genrand`, an array through `init_by_array`.
 *
 * One stream, one owner: every draw advances it. Not for cryptography.
 */
export class RandomState {
  readonly #state = new Uint32Array(WORDS)
  #next = WORDS

  /** `seed`: an integer in [0, 2³²), or an array of such. */
  constructor(seed: number | readonly number[]) {
    const checked = check(seedSchema, seed, 'seed')
    if (typeof checked === 'number') this.#seed(checked)
    else this.#seedByArray(checked)
  }

  #seed(seed: number): void {
    const state = this.#state
    state[0] = seed
    for (let i = 1; i < WORDS; i++) {
      const previous = state[i - 1]! ^ (state[i - 1]! >>> 30)
      state[i] = Math.imul(previous, 1812433253) + i
    }
    this.#next = WORDS
  }

  #seedByArray(key: readonly number[]): void {
    this.#seed(19650218)
    const state = this.#state
    let i = 1
    const mixed = () => state[i - 1]! ^ (state[i - 1]! >>> 30)
    const advance = () => {
      if (++i < WORDS) return
      state[0] = state[WORDS - 1]!
      i = 1
    }
    for (let step = 0; step < Math.max(WORDS, key.length); step++) {
      const j = step % key.length
      state[i] = (state[i]! ^ Math.imul(mixed(), 1664525)) + key[j]! + j
      advance()
    }
    for (let step = 1; step < WORDS; step++) {
      state[i] = (state[i]! ^ Math.imul(mixed(), 1566083941)) - i
      advance()
    }
    state[0] = 0x80000000
  }

  #refill(): void {
    const state = this.#state
    for (let i = 0; i < WORDS; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % WORDS]! & 0x7fffffff)
      state[i] = state[(i + SHIFT) % WORDS]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    this.#next = 0
  }

  /** The next 32 bits of the stream. */
  uint32(): number {
    if (this.#next === WORDS) this.#refill()
    let y = this.#state[this.#next++]!
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  /** One float64 in [0, 1) with 53 random bits; two words of the stream. */
  random(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }

  /** `size` float64 in [0, 1), as `random_sample(size)`. */
  randomSample(size: number): Float64Array {
    return Float64Array.from({ length: check(count, size, 'size') }, () => this.random())
  }

  /** An integer in [0, max], by rejection under the smallest covering bit mask; max = 0 draws nothing. */
  interval(max: number): number {
    if (max === 0) return 0
    const mask = 0xffffffff >>> Math.clz32(max)
    for (;;) {
      const value = (this.uint32() & mask) >>> 0
      if (value <= max) return value
    }
  }

  /** `size` integers in [low, high), as `randint(low, high, size)` with NumPy's default dtype. The range may hold at most 2³² values. */
  randint(low: number, high: number, size: number): number[] {
    const from = check(z.int(), low, 'low')
    const to = check(
      z
        .int()
        .min(from + 1)
        .max(from + 0x100000000),
      high,
      'high',
    )
    return Array.from({ length: check(count, size, 'size') }, () => from + this.interval(to - from - 1))
  }

  /** Shuffles `values` in place (Fisher–Yates from the end) and returns it. */
  shuffle<Values extends { [index: number]: unknown; readonly length: number }>(values: Values): Values {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.interval(i)
      const kept = values[i]
      values[i] = values[j]
      values[j] = kept
    }
    return values
  }

  /** A shuffled copy of `values`, or of 0 … n − 1 when given a number. */
  permutation(n: number): number[]
  permutation<T>(values: readonly T[]): T[]
  permutation<T>(values: number | readonly T[]): (number | T)[] {
    if (typeof values !== 'number') return this.shuffle([...values])
    return this.shuffle(Array.from({ length: check(count, values, 'n') }, (_, i) => i))
  }

  /** `size` different elements of 0 … n − 1 in random order, as `choice(n, size, replace=False)`: the head of a permutation of all n. */
  choice(n: number, size: number): number[] {
    const population = check(count, n, 'n')
    return this.permutation(population).slice(0, check(count.max(population), size, 'size'))
  }
}
