/**
 * config.json of the tiny world's model: Qwen2.5-VL with six decoder layers, two in each third, and one block of vision, 0.5 million parameters. `init` puts in the
 * ids of the tokenizer.
 */
export function tinyConfig(vocabSize: number): Record<string, unknown> {
  return {
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    model_type: 'qwen2_5_vl',
    hidden_size: 64,
    intermediate_size: 192,
    num_hidden_layers: 6,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: vocabSize,
    max_position_embeddings: 4096,
    hidden_act: 'silu',
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    rope_scaling: { type: 'mrope', mrope_section: [2, 3, 3] },
    tie_word_embeddings: true,
    initializer_range: 0.1,
    torch_dtype: 'float32',
    vision_config: {
      model_type: 'qwen2_5_vl',
      depth: 1,
      hidden_size: 64,
      intermediate_size: 128,
      num_heads: 4,
      in_channels: 3,
      hidden_act: 'silu',
      out_hidden_size: 64,
      patch_size: 14,
      spatial_patch_size: 14,
      spatial_merge_size: 2,
      temporal_patch_size: 2,
      tokens_per_second: 2,
      window_size: 112,
      fullatt_block_indexes: [0],
    },
  }
}
