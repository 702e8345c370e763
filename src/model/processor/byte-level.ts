/**
 * The byte-level alphabet of GPT-2's tokenizer: each of the 256 bytes has a printable character, itself where it is
 * printable in Latin-1, else the next free one from U+0100 on.
 */
const byteOf: ReadonlyMap<string, number> = (() => {
  const alphabet = new Map<string, number>()
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
    alphabet.set(String.fromCodePoint(printable ? byte : next++), byte)
  }
  return alphabet
})()

/** The bytes a token stands for. An added token with characters outside the alphabet is its own UTF-8. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes: number[] = []
  for (const character of token) {
    const byte = byteOf.get(character)
    if (byte === undefined) return Buffer.from(token, 'utf8')
    bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

/**
 * Text from tokens as they arrive. A character can span several tokens: its bytes are held back until it is complete, so
 * that the pieces joined are exactly the text decoded at once.
 */
export class StreamDecoder {
  readonly #bytesOf: (id: number) => Uint8Array | undefined
  // ignoreBOM: a byte order mark is a character the model said
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  /** `bytesOf` gives the bytes of a token, or `undefined` for one that is not shown. */
  constructor(bytesOf: (id: number) => Uint8Array | undefined) {
    this.#bytesOf = bytesOf
  }

  /** The text that `id` completes; often empty inside a character of several bytes. */
  push(id: number): string {
    const bytes = this.#bytesOf(id)
    return bytes ? this.#decoder.decode(bytes, { stream: true }) : ''
  }

  /** What is left at the end: U+FFFD if the last character is incomplete, else nothing. The decoder can then start anew. */
  flush(): string {
    return this.#decoder.decode()
  }
}
