#pragma once

#include <vector>

#include "hooks/attachments.h"
#include "model/layers.h"

namespace frankentorch {

// How much of their attention groups of query tokens give to some key tokens, by head: on `.self_attn.weights` of one
// layer, whose probabilities are summed over the keys, averaged over the queries of a group, and let go.
class AttentionMass : public Hook {
 public:
  AttentionMass(std::vector<std::vector<int64_t>> queries, std::vector<int64_t> keys)
      : queries_(std::move(queries)), keys_(std::move(keys)) {}

  // value: [1, heads, tokens, tokens]
  at::Tensor apply(at::Tensor value, const Passage&, const at::Tensor&) override {
    auto index = [&](const std::vector<int64_t>& tokens) { return at::tensor(tokens, at::kLong).to(value.device()); };
    const at::Tensor mass =
        value[0].index_select(2, index(keys_)).to(accumulation_type(value.scalar_type())).sum(2);  // [heads, tokens]
    means_.clear();
    for (const auto& group : queries_) means_.push_back(mass.index_select(1, index(group)).mean(1).to(at::kDouble));
    return value;
  }

  // Of each group [heads] float64.
  const std::vector<at::Tensor>& means() const { return means_; }

 private:
  std::vector<std::vector<int64_t>> queries_;
  std::vector<int64_t> keys_;
  std::vector<at::Tensor> means_;
};

}  // namespace frankentorch
