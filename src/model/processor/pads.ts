import { error } from '../../errors.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Where a text leaves room for an image or a video: one token, which becomes as many as the visual has embeddings. */
export const padTokens = { image: '<|image_pad|>', video: '<|video_pad|>' } as const

/**
 * Repeats the pads in the texts of a batch: the n-th pad becomes `counts[n]` pads.
 * Throws `ERR_MESSAGES` when there are more or fewer pads than visuals. A text that spells out a pad token counts as one, as it
 * does for transformers.
 */
export function expandPads(
  rows: readonly number[][],
  kind: keyof typeof padTokens,
  counts: readonly number[],
  tokenizer: Tokenizer,
): number[][] {
  const pad = tokenizer.idOf(padTokens[kind])
  if (pad === undefined && counts.length > 0) {
    throw error(
      'ERR_TOKENIZER',
      `The tokenizer has no token ${padTokens[kind]}, which stands for a${kind === 'image' ? 'n' : ''} ${kind}`,
    )
  }
  const found = rows.flat().filter((id) => id === pad).length
  if (found !== counts.length) {
    throw error(
      'ERR_MESSAGES',
      `Expected one ${padTokens[kind]} in the text for each ${kind} but found ${found} for ${counts.length} ${kind}s ` +
        '(a text that spells out the token counts too)',
    )
  }
  let next = 0
  return rows.map((row) => row.flatMap((id) => (id === pad ? new Array<number>(counts[next++]!).fill(id) : [id])))
}
