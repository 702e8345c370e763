#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace frankentorch {

// Fields and meanings of config.json; src/checkpoint/config.ts reads its three layouts into this one.
struct VisionConfig {
  int64_t depth = 0;
  int64_t hidden_size = 0;
  int64_t num_heads = 0;
  int64_t patch_size = 0;
  int64_t spatial_merge_size = 0;
  int64_t temporal_patch_size = 0;
  int64_t in_channels = 0;
  int64_t window_size = 0;  // pixels
  std::vector<int64_t> fullatt_block_indexes;
  int64_t tokens_per_second = 0;
};

struct Config {
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t vocab_size = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 0;
  double rope_theta = 0;
  std::vector<int64_t> mrope_section;  // empty for a text-only model
  bool tie_word_embeddings = false;
  int64_t image_token_id = -1;
  int64_t video_token_id = -1;
  std::optional<VisionConfig> vision;
};

}  // namespace frankentorch
