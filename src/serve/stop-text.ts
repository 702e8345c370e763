/** Text as it comes, up to the first of some strings. What may be the beginning of one is held back until it is not. */
export class StopText {
  readonly #stops: readonly string[]
  #held = ''
  #found = false

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** Whether one of the strings came; nothing is let through after it. */
  get found(): boolean {
    return this.#found
  }

  /** What may be shown now. */
  push(piece: string): string {
    if (this.#found) return ''
    const text = this.#held + piece
    const at = Math.min(
      ...this.#stops.map((stop) => text.indexOf(stop)).map((at) => (at < 0 ? text.length : at)),
      text.length,
    )
    this.#found = this.#stops.some((stop) => text.startsWith(stop, at))
    const end = this.#found ? at : text.length - this.#begun(text)
    this.#held = text.slice(end)
    return text.slice(0, end)
  }

  /** What was held back, when no more text comes. */
  flush(): string {
    return this.#found ? '' : this.#held
  }

  // How long an end of `text` is the beginning of a stop string.
  #begun(text: string): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1))
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      if (this.#stops.some((stop) => stop.startsWith(text.slice(-length)))) return length
    }
    return 0
  }
}
