import { fileURLToPath } from 'node:url'
import { initCheckpoint } from '../../src/checkpoint/init.ts'

/** The tiny checkpoint that most tests use: five decoder layers, four vision blocks, float32. */
export const tiny = fileURLToPath(new URL('../fixtures/models/hub-tied', import.meta.url))

export interface Size {
  out: string
  hiddenSize: number
  layers: number
  maxPositionEmbeddings?: number
}

/** Writes a random text-only checkpoint, bfloat16, whose heads are 64 wide. */
export async function writeModel({ out, hiddenSize, layers, maxPositionEmbeddings = 32_768 }: Size): Promise<void> {
  await initCheckpoint({
    out,
    config: {
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      hidden_act: 'silu',
      hidden_size: hiddenSize,
      intermediate_size: hiddenSize * 3,
      max_position_embeddings: maxPositionEmbeddings,
      num_attention_heads: hiddenSize / 64,
      num_key_value_heads: hiddenSize / 128,
      num_hidden_layers: layers,
      rms_norm_eps: 1e-6,
      rope_theta: 1e6,
      tie_word_embeddings: true,
      vocab_size: 288,
    },
  })
}
