#include "model/windows.h"

#include <algorithm>
#include <map>

#include "model/attention.h"
#include "model/layers.h"

namespace frankentorch {

WindowLayout window_layout(const VisionConfig& config, const std::vector<Grid>& grids) {
  const int64_t merge = config.spatial_merge_size;
  const int64_t side = config.window_size / merge / config.patch_size;  // merge cells along a window
  WindowLayout layout;
  layout.cu_window_seqlens.push_back(0);
  int64_t first_cell = 0;
  for (const auto& grid : grids) {
    const int64_t height = grid.h / merge, width = grid.w / merge;
    for (int64_t t = 0; t < grid.t; ++t)
      for (int64_t top = 0; top < height; top += side)
        for (int64_t left = 0; left < width; left += side) {
          const int64_t bottom = std::min(top + side, height), right = std::min(left + side, width);
          for (int64_t y = top; y < bottom; ++y)
            for (int64_t x = left; x < right; ++x)
              layout.window_index.push_back(first_cell + (t * height + y) * width + x);
          const int64_t patches = (bottom - top) * (right - left) * merge * merge;
          layout.cu_window_seqlens.push_back(layout.cu_window_seqlens.back() + patches);
        }
    first_cell += grid.t * height * width;
  }
  return layout;
}

std::vector<int64_t> frame_seqlens(const std::vector<Grid>& grids) {
  std::vector<int64_t> ends{0};
  for (const auto& grid : grids)
    for (int64_t t = 0; t < grid.t; ++t) ends.push_back(ends.back() + grid.h * grid.w);
  return ends;
}

Segments::Segments(const std::vector<int64_t>& cu_seqlens, at::Device device) {
  std::map<int64_t, std::vector<int64_t>> tokens_by_length;
  for (size_t i = 1; i < cu_seqlens.size(); ++i) {
    auto& tokens = tokens_by_length[cu_seqlens[i] - cu_seqlens[i - 1]];
    for (int64_t token = cu_seqlens[i - 1]; token < cu_seqlens[i]; ++token) tokens.push_back(token);
  }
  for (const auto& [length, tokens] : tokens_by_length) {
    EqualRuns equal{static_cast<int64_t>(tokens.size()) / length, length, {}};
    if (tokens_by_length.size() > 1) equal.tokens = at::tensor(tokens, at::kLong).to(device);
    by_length_.push_back(std::move(equal));
  }
}

at::Tensor Segments::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const {
  auto attend_runs = [](const EqualRuns& runs, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    auto split = [&](const at::Tensor& x) {  // [runs, heads, length, head_dim]
      return x.view({runs.runs, runs.length, x.size(1), x.size(2)}).transpose(1, 2);
    };
    return full_attention(split(q), split(k), split(v)).transpose(1, 2).reshape_as(q);
  };
  if (by_length_.size() == 1) return attend_runs(by_length_[0], q, k, v);

  at::Tensor out = at::zeros_like(q, at::MemoryFormat::Contiguous);
  for (const auto& runs : by_length_) {
    auto take = [&](const at::Tensor& x) { return take_rows(x, runs.tokens); };
    out = out.index_copy(0, runs.tokens, attend_runs(runs, take(q), take(k), take(v)));
  }
  return out;
}

}  // namespace frankentorch
