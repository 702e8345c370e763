#include "model/sampling.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "model/layers.h"

namespace frankentorch {

Sampler::Sampler(SamplingOptions options, const std::vector<int64_t>& prompt)
    : options_(options),
      generator_(at::detail::createCPUGenerator(options.seed)),
      seen_(prompt.begin(), prompt.end()) {}

int64_t Sampler::next(const at::Tensor& logits) {
  at::Tensor scores = logits.to(accumulation_type(logits.scalar_type()));
  if (options_.repetition_penalty != 1) scores = penalised(scores);
  int64_t token;
  if (options_.temperature == 0) {
    token = scores.argmax().item<int64_t>();
  } else {
    const at::Tensor probabilities = at::softmax(truncated(scores / options_.temperature), -1);
    // Of as many exponential times of rates p, the shortest is that of token i with probability pᵢ. So does
    // at::multinomial, whose checks take longer than this where the vocabulary is small.
    const at::Tensor times = at::empty_like(probabilities).exponential_(1, generator_);
    token = at::div(probabilities, times).argmax().item<int64_t>();
    TORCH_CHECK(probabilities[token].item<double>() >= 0,
                "Expected finite logits to draw from but received infinity or NaN");
  }
  if (options_.repetition_penalty != 1) seen_.insert(token);
  return token;
}

// Scores of tokens seen before move away from being chosen (arXiv 1909.05858, §4.1, with the sign rule of
// transformers).
at::Tensor Sampler::penalised(const at::Tensor& logits) const {
  const at::Tensor seen = at::tensor(std::vector<int64_t>(seen_.begin(), seen_.end()), at::kLong);
  const at::Tensor scores = logits.index_select(0, seen);
  const double penalty = options_.repetition_penalty;
  return logits.index_copy(0, seen, at::where(scores < 0, scores * penalty, scores / penalty));
}

at::Tensor Sampler::truncated(at::Tensor logits) const {
  if (options_.top_k > 0 && options_.top_k < logits.size(0)) {
    const at::Tensor least = std::get<0>(logits.topk(options_.top_k)).min();
    logits = logits.masked_fill(logits < least, -INFINITY);
  }
  if (options_.top_p < 1) {
    const auto [sorted, order] = logits.sort(/*dim=*/-1, /*descending=*/true);
    const at::Tensor probabilities = at::softmax(sorted, -1);
    const at::Tensor before =
        probabilities.cumsum(-1) - probabilities;  // mass of the more probable tokens; 0 for the first
    logits = logits.masked_fill(at::empty_like(before, at::kBool).index_copy_(0, order, before >= options_.top_p),
                                -INFINITY);
  }
  return logits;
}

}  // namespace frankentorch
