#pragma once

#include <vector>

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

// x: [tokens, heads, head_dim], rotated as pairs (i, i + head_dim / 2), in the wider dtype of x and the angles,
// returned in x's.
at::Tensor rotate(const at::Tensor& x, const CosSin& angles);

}  // namespace frankentorch
