#pragma once

#include <vector>

#include "hooks/points.h"
#include "model/config.h"
#include "model/inputs.h"
#include "model/layers.h"
#include "model/rotary.h"
#include "model/windows.h"
#include "runtime/turn.h"

namespace frankentorch {

// One block of the vision tower. x: [patches, hidden].
class VisionBlock {
 public:
  VisionBlock(const Parameters& parameters, const std::string& name, int64_t num_heads);

  at::Tensor forward(at::Tensor x, const Segments& segments, const CosSin& angles, const Points& at) const;

 private:
  at::Tensor attention(const at::Tensor& x, const Segments& segments, const CosSin& angles) const;

  int64_t num_heads_;
  const at::Tensor &norm1_, &norm2_;
  Linear qkv_, proj_;
  SwiGlu mlp_;
};

// Qwen2.5-VL's vision tower (arXiv 2502.13923, §2.1.1): patches attend inside windows, in a few blocks to their whole
// frame; a merger turns every merge cell of 2×2 patches into one token of the decoder.
class VisionTower {
 public:
  VisionTower(const Config& config, const Parameters& parameters);

  // -> [merge cells of all grids, decoder hidden], in the order of the placeholders
  at::Tensor forward(const Visuals& visuals, Turn& turn, const Points& at) const;

 private:
  void check(const Visuals& visuals) const;

  const VisionConfig config_;
  const at::Tensor &patch_embed_, &merger_norm_;
  std::vector<VisionBlock> blocks_;
  Linear merger_in_, merger_out_;
};

}  // namespace frankentorch
