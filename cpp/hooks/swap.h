#pragma once

#include <vector>

#include "hooks/attachments.h"

namespace frankentorch {

// The image tokens of another prompt's keys or values, captured whole as `source` [1, kv_heads, tokens, head_dim], to
// stand for `count` image tokens: [1, kv_heads, count, head_dim]. Where the numbers differ, `resample` interpolates
// linearly along tokens, else ERR_GRID_MISMATCH.
at::Tensor swap_tokens(const at::Tensor& source, const std::vector<int64_t>& source_positions, int64_t count,
                       bool resample);

// The visual-token swap on `.self_attn.key` or `.self_attn.value` of one layer: at the given token positions rows
// get the source's tokens in the prefill, so generated tokens attend to the replaced cache.
class Swap : public Hook {
 public:
  struct Options {
    at::Tensor tokens;                         // [1, kv_heads, positions, head_dim]
    std::vector<int64_t> positions;            // in the target's rows
    std::optional<std::vector<int64_t>> rows;  // counted from the first it is attached for; none: all
    bool append_at_decode =
        false;  // the published code stays armed and appends the source's tokens at every decode step
  };

  explicit Swap(Options options) : options_(std::move(options)) {}

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;

 private:
  bool takes(const Passage& passage, int64_t row) const;

  Options options_;
};

}  // namespace frankentorch
