#pragma once

#include <vector>

#include "model/config.h"
#include "model/inputs.h"
#include "pch.h"

namespace frankentorch {

// How the vision tower reorders merge cells so that every attention window is one run of tokens (arXiv 2502.13923,
// §2.1.1).
struct WindowLayout {
  std::vector<int64_t> window_index;       // merge cell at each place of the window order
  std::vector<int64_t> cu_window_seqlens;  // patch counts up to each window's end, starting with 0
};

WindowLayout window_layout(const VisionConfig& config, const std::vector<Grid>& grids);

// Patch counts up to the end of each frame, starting with 0: the runs of full attention.
std::vector<int64_t> frame_seqlens(const std::vector<Grid>& grids);

// Runs of tokens that attend only to themselves, gathered by length so that runs of one length are one batched
// attention.
class Segments {
 public:
  Segments(const std::vector<int64_t>& cu_seqlens, at::Device device);

  // q, k, v: [tokens, heads, head_dim] -> [tokens, heads, head_dim]
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;

 private:
  struct EqualRuns {
    int64_t runs, length;
    at::Tensor tokens;  // [runs * length] indices; undefined when these are all tokens in order
  };
  std::vector<EqualRuns> by_length_;
};

}  // namespace frankentorch
