#include "training/token_logprobs.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "model/layers.h"

namespace frankentorch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

int64_t chunk_size(int64_t tokens, int64_t vocabulary) {
  return std::clamp<int64_t>(kLogitsAtOnce / std::max<int64_t>(tokens, 1), std::min<int64_t>(256, vocabulary),
                             vocabulary);
}

// Logits of the words [first, first + count): [tokens, count]
at::Tensor logits_of(const at::Tensor& hidden, const at::Tensor& head, int64_t first, int64_t count,
                     double temperature) {
  at::Tensor logits = at::linear(hidden, head.narrow(0, first, count)).to(accumulation_type(hidden.scalar_type()));
  return temperature == 1 ? logits : logits.div_(temperature);
}

// Log-sum-exp, the mean logit under softmax and the target's logit, fed chunk by chunk.
struct Running {
  at::Tensor largest, sum, weighted, target;  // [tokens]

  Running(int64_t tokens, at::TensorOptions options)
      : largest(at::full({tokens}, -std::numeric_limits<double>::infinity(), options)),
        sum(at::zeros({tokens}, options)),
        weighted(at::zeros({tokens}, options)),
        target(at::zeros({tokens}, options)) {}

  void add(const at::Tensor& logits, const at::Tensor& targets, int64_t first) {
    const int64_t count = logits.size(1);
    const at::Tensor larger = at::maximum(largest, logits.amax(1));
    const at::Tensor shrink = at::exp(largest - larger);
    const at::Tensor weights = at::exp(logits - larger.unsqueeze(1));
    weighted = weighted * shrink + (weights * logits).sum(1);
    sum = sum * shrink + weights.sum(1);
    largest = larger;
    const at::Tensor place = targets - first;
    const at::Tensor here = (place >= 0).logical_and(place < count);
    target = at::where(here, logits.gather(1, place.clamp(0, count - 1).unsqueeze(1)).squeeze(1), target);
  }
};

class Logprobs : public torch::autograd::Function<Logprobs> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& hidden, const at::Tensor& head,
                               const at::Tensor& targets, double temperature) {
    const int64_t vocabulary = head.size(0), chunk = chunk_size(hidden.size(0), vocabulary);
    Running running(hidden.size(0), hidden.options().dtype(accumulation_type(hidden.scalar_type())));
    at::Tensor only;
    for (int64_t first = 0; first < vocabulary; first += chunk) {
      const at::Tensor logits = logits_of(hidden, head, first, std::min(chunk, vocabulary - first), temperature);
      running.add(logits, targets, first);
      if (chunk == vocabulary) only = logits;
    }
    const at::Tensor log_sum = running.largest + running.sum.log();
    const at::Tensor entropy = log_sum - running.weighted / running.sum;
    context->save_for_backward({hidden, head, targets, log_sum, only});
    context->saved_data["temperature"] = temperature;
    context->mark_non_differentiable({entropy});
    return {running.target - log_sum, entropy};
  }

  // d logprob[target] / d logits = onehot(target) - softmax
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &hidden = saved[0], &head = saved[1], &targets = saved[2], &log_sum = saved[3], &only = saved[4];
    const double temperature = context->saved_data["temperature"].toDouble();
    const at::Tensor gradient = gradients[0] / temperature;  // [tokens]
    const int64_t vocabulary = head.size(0), chunk = chunk_size(hidden.size(0), vocabulary);
    const bool of_hidden = context->needs_input_grad(0), of_head = context->needs_input_grad(1);
    at::Tensor to_hidden = of_hidden ? at::zeros_like(hidden) : at::Tensor();
    at::Tensor to_head = of_head ? at::empty_like(head, at::MemoryFormat::Contiguous) : at::Tensor();
    for (int64_t first = 0; first < vocabulary; first += chunk) {
      const int64_t count = std::min(chunk, vocabulary - first);
      const at::Tensor logits = only.defined() ? only : logits_of(hidden, head, first, count, temperature);
      at::Tensor to_logits = at::exp(logits - log_sum.unsqueeze(1)).mul_(gradient.neg().unsqueeze(1));
      const at::Tensor place = targets - first;
      const at::Tensor here = (place >= 0).logical_and(place < count);
      to_logits.scatter_add_(1, place.clamp(0, count - 1).unsqueeze(1),
                             at::where(here, gradient, at::zeros_like(gradient)).unsqueeze(1));
      to_logits = to_logits.to(hidden.scalar_type());
      if (of_hidden) to_hidden.addmm_(to_logits, head.narrow(0, first, count));
      if (of_head) {
        at::Tensor part = to_head.narrow(0, first, count);
        at::mm_out(part, to_logits.t(), hidden);
      }
    }
    return {to_hidden, to_head, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

TokenLogprobs token_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                             double temperature) {
  const auto results = Logprobs::apply(hidden, head, targets, temperature);
  return {results[0], results[1]};
}

}  // namespace frankentorch
