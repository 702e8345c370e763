/** Tokens that arrive before anyone asks for them. */
export class TokenQueue implements AsyncIterable<number> {
  readonly #tokens: number[] = []
  #ended = false
  #wake: (() => void) | undefined

  push(token: number): void {
    this.#tokens.push(token)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number, void, void> {
    for (;;) {
      while (this.#tokens.length > 0) yield this.#tokens.shift()!
      if (this.#ended) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }
}
