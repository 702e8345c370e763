#pragma once

#include <vector>

#include "kernels/rotate.h"
#include "model/config.h"
#include "model/inputs.h"
#include "pch.h"

namespace frankentorch {

struct CosSin {
  at::Tensor cos, sin;  // [tokens, 1, head_dim]
};

// Multimodal rotary embedding: the frequencies are dealt in sections to the temporal, height and width position of each
// token (arXiv 2409.12191, §2.1). position_ids: [3, tokens] int64.
CosSin multimodal_rotary(const Config& config, const at::Tensor& position_ids, at::ScalarType dtype);

// Two-dimensional rotary embedding of the vision tower, in merge order: half of the frequencies follow the row of a
// patch, half its column. Always in at least float32, as the reference rotates in float32 there.
CosSin vision_rotary(const VisionConfig& config, const std::vector<Grid>& grids, at::ScalarType dtype,
                     at::Device device);

inline at::Tensor rotate(const at::Tensor& x, const CosSin& angles) {
  return rotate(x, angles.cos, angles.sin);
}

}  // namespace frankentorch
