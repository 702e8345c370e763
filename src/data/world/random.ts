/**
 * A reproducible sequence that belongs to a seed and a name, in 32-bit integers only, so that it is the same on every machine.
 * Sequences of different names have nothing to do with each other: a new name changes no old one.
 */
export function stream(seed: number, name: string): Random {
  return new Random(`${seed}/${name}`)
}

/** sfc32 (C. Doty-Humphrey, PractRand), seeded with four hashes of a name. */
export class Random {
  private a: number
  private b: number
  private c: number
  private counter: number

  constructor(name: string) {
    this.a = hash32(name, 0)
    this.b = hash32(name, 1)
    this.c = hash32(name, 2)
    this.counter = hash32(name, 3)
    for (let i = 0; i < 12; i++) this.uint32()
  }

  uint32(): number {
    const sum = (this.a + this.b + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** An integer in [0, n), n ≤ 2³². */
  below(n: number): number {
    const unbiased = 2 ** 32 - (2 ** 32 % n)
    let value = this.uint32()
    while (value >= unbiased) value = this.uint32()
    return value % n
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  coin(): boolean {
    return this.below(2) === 1
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  /** `count` different elements, in random order. */
  sample<T>(values: readonly T[], count: number): T[] {
    const rest = [...values]
    return Array.from({ length: count }, () => rest.splice(this.below(rest.length), 1)[0]!)
  }
}

/** 32 bits of a text: FNV-1a over its UTF-16 units, finished as MurmurHash3 does. `salt` selects one of several independent hashes. */
export function hash32(text: string, salt = 0): number {
  let hash = 0x811c9dc5 ^ Math.imul(salt, 0x9e3779b1)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
