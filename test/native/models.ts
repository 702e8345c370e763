import { fileURLToPath } from 'node:url'

/** The tiny checkpoint that most tests use: five decoder layers, four vision blocks, float32. */
export const tiny = fileURLToPath(new URL('../fixtures/models/hub-tied', import.meta.url))

/** The tiny text-only checkpoint, whose header is the smallest. */
export const tinyText = fileURLToPath(new URL('../fixtures/models/qwen2-text', import.meta.url))

export interface Size {
  hiddenSize: number
  layers: number
  /** Of queries; default heads that are 64 wide. */
  heads?: number
  /** Of keys and values; default half as many. */
  keyHeads?: number
  maxPositionEmbeddings?: number
}

/** A config.json of a text-only model of another size than the fixtures have. */
export function textConfig({ hiddenSize, layers, heads, keyHeads, maxPositionEmbeddings }: Size) {
  const queries = heads ?? hiddenSize / 64
  return {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    head_dim: 64,
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: hiddenSize * 3,
    max_position_embeddings: maxPositionEmbeddings ?? 32_768,
    num_attention_heads: queries,
    num_key_value_heads: keyHeads ?? queries / 2,
    num_hidden_layers: layers,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    tie_word_embeddings: true,
    vocab_size: 288,
  }
}
