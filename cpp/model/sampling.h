#pragma once

#include <unordered_set>
#include <vector>

#include "pch.h"

namespace frankentorch {

struct SamplingOptions {
  double temperature = 0;  // 0: greedy
  double top_p = 1;
  int64_t top_k = 0;  // 0: all
  double repetition_penalty = 1;
  uint64_t seed = 0;
};

// Picks the next token of one row. Its random numbers depend on its seed alone, never on who else is in the batch.
class Sampler {
 public:
  Sampler(SamplingOptions options, const std::vector<int64_t>& prompt);

  // logits: [vocabulary], on the CPU. Penalty, temperature, top-k and top-p in the order of transformers' generate.
  int64_t next(const at::Tensor& logits);

 private:
  at::Tensor penalised(const at::Tensor& logits) const;
  at::Tensor truncated(at::Tensor logits) const;

  SamplingOptions options_;
  at::Generator generator_;
  std::unordered_set<int64_t> seen_;  // prompt and reply: the penalty counts a token once
};

}  // namespace frankentorch
