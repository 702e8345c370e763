/** Where a study stands. */
export interface StudyProgress {
  /** Of the item that is being done. */
  label: string
  /** Its number, from 1, among `items`. */
  item: number
  items: number
  /** Share of the whole that is done, by estimated time. */
  fraction: number
  /** Estimated from what was done in this process; undefined until something was. */
  remainingS?: number
}

/** Estimates how far a list of items of known cost is, and how long the rest takes at the pace so far. */
export class Pace {
  readonly #costs: readonly number[]
  readonly #now: () => number
  #before = 0
  #worked = 0
  #begun: number

  constructor(costs: readonly number[], now: () => number = () => performance.now() / 1000) {
    this.#costs = costs
    this.#now = now
    this.#begun = now()
  }

  /** Item `index` was found done: it costs nothing now and tells nothing of the pace. */
  skip(index: number): void {
    this.#before += this.#costs[index]!
  }

  finish(index: number): void {
    this.#worked += this.#costs[index]!
  }

  /** With `share` of item `index` done. */
  now(index: number, share: number): Pick<StudyProgress, 'fraction' | 'remainingS'> {
    const total = this.#costs.reduce((sum, cost) => sum + cost, 0)
    const worked = this.#worked + share * this.#costs[index]!
    const left = total - this.#before - worked
    const elapsed = this.#now() - this.#begun
    const remainingS = worked > 0 && elapsed > 2 ? (elapsed / worked) * left : undefined
    return { fraction: (this.#before + worked) / total, remainingS }
  }
}
