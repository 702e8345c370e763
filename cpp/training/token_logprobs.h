#pragma once

#include "pch.h"

namespace frankentorch {

struct TokenLogprobs {
  at::Tensor logprobs;  // [tokens], at least float32, differentiable
  at::Tensor entropy;   // [tokens], of the whole distribution; constant for gradients
};

// log softmax(hidden · headᵀ / temperature) at each row's target, without ever holding the logits of the whole
// vocabulary: they are made chunk by chunk, folded into a running log-sum-exp, and made again in the backward pass.
// hidden: [tokens, width], head: [vocabulary, width], targets: [tokens] int64.
TokenLogprobs token_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                             double temperature);

// Logits held at once, in elements. A vocabulary that fits is kept for the backward pass instead of being made again.
constexpr int64_t kLogitsAtOnce = int64_t{1} << 22;

}  // namespace frankentorch
