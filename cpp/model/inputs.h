#pragma once

#include <cstdint>
#include <vector>

#include "pch.h"

namespace frankentorch {

// Patches of one image or video: frames (of temporal_patch_size pictures), rows, columns.
struct Grid {
  int64_t t = 0, h = 0, w = 0;
  int64_t patches() const { return t * h * w; }
};

// Images or videos of a batch, one after another.
struct Visuals {
  at::Tensor pixel_values;  // [patches, channels * temporal_patch_size * patch_size * patch_size]
  std::vector<Grid> grids;
};

// What the processor makes of a batch of conversations. Rows may differ in length; there is no padding.
struct Inputs {
  std::vector<std::vector<int64_t>> input_ids;
  Visuals images;
  Visuals videos;
  std::vector<double> second_per_grid_ts;  // one per video; empty means 1
};

}  // namespace frankentorch
