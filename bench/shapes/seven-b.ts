/** config.json of the Qwen2.5-VL-7B shape: 16.6 GB in bfloat16. */
export const sevenB = {
  architectures: ['Qwen2_5_VLForConditionalGeneration'],
  model_type: 'qwen2_5_vl',
  hidden_act: 'silu',
  hidden_size: 3584,
  intermediate_size: 18944,
  max_position_embeddings: 128000,
  num_attention_heads: 28,
  num_hidden_layers: 28,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-6,
  use_sliding_window: false,
  vocab_size: 152064,
  rope_theta: 1_000_000,
  rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
  tie_word_embeddings: false,
  // What it leaves out is as in every released model.
  vision_config: { hidden_size: 1280, tokens_per_second: 2 },
}
