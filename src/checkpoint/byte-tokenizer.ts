import { bareChatTemplate, chatTemplate } from './chat-template.ts'

// In the order of Qwen2.5; the last eight are ordinary text to whoever skips special tokens.
const specialTokens = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|object_ref_start|>',
  '<|object_ref_end|>',
  '<|box_start|>',
  '<|box_end|>',
  '<|quad_start|>',
  '<|quad_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
]
const plainTokens = [
  '<tool_call>',
  '</tool_call>',
  '<|fim_prefix|>',
  '<|fim_middle|>',
  '<|fim_suffix|>',
  '<|fim_pad|>',
  '<|repo_name|>',
  '<|file_sep|>',
]

const pieces =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

export interface TokenizerFiles {
  'tokenizer.json': object
  'tokenizer_config.json': object
}

/**
 * A tokenizer for models of any size: one token per UTF-8 byte (id = byte), then Qwen2.5's added tokens from 256 on.
 * Returns the contents of its files. The text between tokens is treated as by Qwen2.5's own tokenizer, without merges.
 */
export function byteTokenizer(): TokenizerFiles {
  return tokenizer([], chatTemplate)
}

/**
 * The byte tokenizer with one token for each of the pieces that `texts` are split into (a word with the space before it, a digit, a run of signs), from id
 * 278 on in the order of the alphabet, and without a default system prompt. What `texts` do not have is still spelled in bytes.
 */
export function wordTokenizer(texts: Iterable<string>): TokenizerFiles {
  const found = new Set<string>()
  for (const text of texts)
    for (const [piece] of text.matchAll(splitter)) if (Buffer.byteLength(piece) > 1) found.add(piece)
  return tokenizer([...found].sort(), bareChatTemplate)
}

// `pieces` as JavaScript writes it; the English contractions need no rule of their own here.
const splitter = /[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu

function tokenizer(words: readonly string[], template: string): TokenizerFiles {
  const alphabet = byteAlphabet()
  const spelled = (word: string) => Array.from(Buffer.from(word), (byte) => alphabet[byte]).join('')
  const firstWord = 256 + specialTokens.length + plainTokens.length
  const added = [...specialTokens, ...plainTokens].map((content, i) => ({
    id: 256 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: i < specialTokens.length,
  }))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  const split = { type: 'Split', pattern: { Regex: pieces }, behavior: 'Isolated', invert: false }
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: { type: 'NFC' },
      pre_tokenizer: { type: 'Sequence', pretokenizers: [split, byteLevel] },
      post_processor: byteLevel,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: '',
        end_of_word_suffix: '',
        fuse_unk: false,
        byte_fallback: false,
        ...(words.length > 0 ? { ignore_merges: true } : {}),
        vocab: Object.fromEntries([
          ...alphabet.map((character, byte) => [character, byte] as const),
          ...words.map((word, i) => [spelled(word), firstWord + i] as const),
        ]),
        merges: [],
      },
    },
    'tokenizer_config.json': {
      add_bos_token: false,
      add_prefix_space: false,
      added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [id, token])),
      additional_special_tokens: specialTokens.slice(1),
      bos_token: null,
      chat_template: template,
      clean_up_tokenization_spaces: false,
      eos_token: '<|im_end|>',
      errors: 'replace',
      model_max_length: 131072,
      pad_token: '<|endoftext|>',
      split_special_tokens: false,
      tokenizer_class: 'Qwen2Tokenizer',
      unk_token: null,
    },
  }
}

/** GPT-2's spelling of bytes: printable Latin-1 as itself, the rest from U+0100 on. */
function byteAlphabet(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    return String.fromCharCode(printable ? byte : next++)
  })
}
