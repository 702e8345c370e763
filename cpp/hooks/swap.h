#pragma once

#include <vector>

#include "hooks/attachments.h"

namespace frankentorch {

// The visual-token swap on `.self_attn.key` or `.self_attn.value` of one layer: at the given token positions every row
// gets the source's tokens in the prefill, so generated tokens attend to the replaced cache.
class Swap : public Hook {
 public:
  struct Options {
    std::vector<int64_t> positions;         // in the target's rows
    std::vector<int64_t> source_positions;  // in the source's row
    bool resample = false;                  // linear along tokens when the counts differ; else ERR_GRID_MISMATCH
    bool append_at_decode =
        false;  // the published code stays armed and appends the source's tokens at every decode step
  };

  // source: [1, kv_heads, tokens, head_dim] as captured at the same point
  Swap(const at::Tensor& source, Options options);

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;

 private:
  Options options_;
  at::Tensor source_;  // [1, kv_heads, positions, head_dim]
};

}  // namespace frankentorch
