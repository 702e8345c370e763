import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { z } from 'zod'
import { check, describe, expected } from '../../check.ts'
import { isObject, type JsonObject, readJsonObject } from '../../checkpoint/json.ts'
import { error, messageOf } from '../../errors.ts'
import { bytesOfToken, StreamDecoder } from './byte-level.ts'

const DecodeOptions = z.strictObject({
  /** Leaves out tokens marked special, such as `<|im_end|>`; default false. */
  skipSpecialTokens: z.boolean().default(false),
})
export type DecodeOptions = z.input<typeof DecodeOptions>

// What is relied on beyond what the library checks itself.
const TokenizerJson = z.object({
  model: z.object({
    type: z.literal('BPE'),
    vocab: z.custom(isObject, 'a map from tokens to ids'),
    merges: z.custom(isMerges, 'a list of pairs'),
  }),
  decoder: z.object({ type: z.literal('ByteLevel') }),
  added_tokens: z
    .array(z.object({ id: z.int().min(0), content: z.string().min(1), special: z.boolean().default(false) }))
    .default([]),
})

// By hand: zod would take 100 ms for the 150,000 entries.
function isMerges(value: unknown): boolean {
  const isPair = (merge: unknown) => typeof merge === 'string' || (Array.isArray(merge) && merge.length === 2)
  return Array.isArray(value) && value.every(isPair)
}

/** A byte-level BPE tokenizer from `tokenizer.json`, as Qwen2.5 has it. */
export class Tokenizer {
  readonly #tokenizer: HuggingFaceTokenizer
  readonly #special: ReadonlySet<number>
  readonly #bytes = new Map<number, Uint8Array>()

  private constructor(tokenizer: HuggingFaceTokenizer, special: ReadonlySet<number>) {
    this.#tokenizer = tokenizer
    this.#special = special
  }

  /**
   * Reads `tokenizer.json` and, where present, `tokenizer_config.json` of a checkpoint directory.
   * Throws `ERR_TOKENIZER` that names the file which is missing or malformed.
   */
  static async load(directory: string): Promise<Tokenizer> {
    const file = join(directory, 'tokenizer.json')
    // Looking for repeated keys would take as long as parsing these 7 MB; the last one counts, as everywhere in JavaScript.
    const json = await readJsonObject(file, 'ERR_TOKENIZER', { repeatedKeys: 'allow' })
    if (!json) throw error('ERR_TOKENIZER', await missing(directory))
    const config = (await readTokenizerConfig(directory)) ?? {}
    const { added_tokens } = check(TokenizerJson, json, file, 'ERR_TOKENIZER')
    const special = added_tokens.filter((token) => token.special).map((token) => token.id)
    const tokenizer = tokenizerOf(json, config, file)
    requireIds(tokenizer.model!.tokens_to_ids, file)
    return new Tokenizer(tokenizer, new Set(special))
  }

  /** Number of tokens, added ones included. Embedding rows of a checkpoint are usually padded beyond it. */
  get size(): number {
    return this.#tokenizer.get_vocab().size
  }

  /**
   * Token ids of `text`. Added tokens spelled out in it (`<|im_start|>`, `<|image_pad|>`) are recognised, as transformers
   * does; every other mark-up, such as `<image>`, is plain text.
   */
  encode(text: string): number[] {
    if (typeof text !== 'string') throw expected('a string', 'text', text)
    return text === '' ? [] : this.#tokenizer.encode(text).ids
  }

  /** Text of token ids. Ids without a token (padding of the embedding) are nothing; broken UTF-8 becomes U+FFFD. */
  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const decoder = this.streamDecoder(options)
    return (
      check(z.array(z.int().min(0)), ids, 'ids')
        .map((id) => decoder.push(id))
        .join('') + decoder.flush()
    )
  }

  /** A decoder for tokens as they are generated; its pieces join to what `decode` returns. */
  streamDecoder(options: DecodeOptions = {}): StreamDecoder {
    const { skipSpecialTokens } = check(DecodeOptions, options)
    return new StreamDecoder((id) => (skipSpecialTokens && this.#special.has(id) ? undefined : this.#bytesOf(id)))
  }

  /** The id of a whole token such as `<|image_pad|>`, or `undefined`. */
  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token)
  }

  /** The token of an id as the vocabulary spells it, or `undefined`. */
  tokenOf(id: number): string | undefined {
    return this.#tokenizer.id_to_token(id)
  }

  #bytesOf(id: number): Uint8Array | undefined {
    const known = this.#bytes.get(id)
    if (known) return known
    const token = this.tokenOf(id)
    if (token === undefined) return undefined
    const bytes = bytesOfToken(token)
    this.#bytes.set(id, bytes)
    return bytes
  }
}

function tokenizerOf(json: JsonObject, config: JsonObject, file: string): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer(json, config)
  } catch (cause) {
    throw error('ERR_TOKENIZER', `${file} is not a usable tokenizer: ${messageOf(cause)}`, { cause })
  }
}

// On the library's map: walking the 150,000 entries of the file's object takes sixty times as long.
function requireIds(vocabulary: ReadonlyMap<unknown, unknown>, file: string): void {
  for (const [token, id] of vocabulary) {
    if (!Number.isSafeInteger(id) || (id as number) < 0)
      throw expected(
        'a map from tokens to ids',
        `${file}.model.vocab`,
        `${String(token)}: ${describe(id)}`,
        'ERR_TOKENIZER',
      )
  }
}

/** `tokenizer_config.json` of a checkpoint directory, or `undefined` when there is none. */
export function readTokenizerConfig(directory: string): Promise<JsonObject | undefined> {
  return readJsonObject(join(directory, 'tokenizer_config.json'), 'ERR_TOKENIZER')
}

async function missing(directory: string): Promise<string> {
  const hasVocabulary = await access(join(directory, 'vocab.json')).then(
    () => true,
    () => false,
  )
  return hasVocabulary
    ? `${directory} has vocab.json but no tokenizer.json. Save the tokenizer once with transformers' AutoTokenizer`
    : `${directory} has no tokenizer.json (is the download complete?)`
}
