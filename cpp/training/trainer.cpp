#include "training/trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "model/layers.h"
#include "runtime/failure.h"
#include "runtime/serial.h"
#include "training/token_logprobs.h"

namespace frankentorch {
namespace {

bool narrow(const Qwen2_5_VL& model, const std::vector<Sequences>& parts) {
  int64_t tokens = 0;
  for (const auto& part : parts) {
    for (const auto& row : part.inputs.input_ids) tokens += static_cast<int64_t>(row.size());
    for (const auto& continuation : part.continuations) tokens += static_cast<int64_t>(continuation.ids.size());
  }
  return model.narrow(tokens);
}

// The lowest decoder layer that needs a graph: everything below it runs without one.
int64_t lowest_trainable_layer(const std::vector<std::string>& names) {
  const std::string layers = "language_model.layers.";
  int64_t lowest = std::numeric_limits<int64_t>::max();
  for (const auto& name : names) {
    if (name.starts_with(layers))
      lowest = std::min<int64_t>(lowest, std::stoll(name.substr(layers.size())));
    else if (name.starts_with("visual.") || name.starts_with("language_model.embed_tokens."))
      return 0;
  }
  return lowest;
}

int64_t most_targets(const std::vector<Sequences>& parts) {
  int64_t most = 0;
  for (const auto& part : parts) {
    std::vector<int64_t> counts(part.count());
    for (const auto& target : part.targets) most = std::max(most, ++counts.at(target.sequence));
  }
  return most;
}

int64_t sequences_in(const std::vector<Sequences>& parts) {
  int64_t count = 0;
  for (const auto& part : parts) count += part.count();
  return count;
}

// [targets] -> [sequences, width], each sequence's in its row
at::Tensor padded(const at::Tensor& values, const Sequences& sequences, int64_t width) {
  std::vector<int64_t> places, counts(sequences.count());
  for (const auto& target : sequences.targets) places.push_back(target.sequence * width + counts[target.sequence]++);
  const at::Tensor index = at::tensor(places, at::kLong).to(values.device());
  return at::zeros({sequences.count() * width}, values.options())
      .index_copy(0, index, values)
      .view({sequences.count(), width});
}

}  // namespace

Trainer::Trainer(Qwen2_5_VL& model, const std::vector<std::string>& names, bool recompute)
    : model_(model),
      parameters_(model, names),
      recompute_from_(recompute ? lowest_trainable_layer(names) : std::numeric_limits<int64_t>::max()) {}

at::Tensor Trainer::hidden(const Sequences& sequences, PackedSequences& packed, Turn& turn) const {
  if (at::GradMode::is_enabled()) packed.packed.batch.recompute_from = recompute_from_;
  at::Tensor x = model_.embed(sequences.inputs, packed.packed, turn);
  x = model_.decode(std::move(x), packed.packed.batch, turn);
  return take_rows(packed.packed.batch.read_of(x), packed.predicts);
}

SequenceLogprobs Trainer::part(const Sequences& sequences, PackedSequences& packed, double temperature,
                               Turn& turn) const {
  const at::Tensor x = hidden(sequences, packed, turn);
  const auto [logprobs, entropy] = token_logprobs(x, model_.head(), packed.ids, temperature);
  return {logprobs, entropy};
}

SequenceLogprobs Trainer::logprobs(const std::vector<Sequences>& parts, double temperature, Turn& turn) const {
  at::NoGradGuard no_grad;
  const Serial serial(narrow(model_, parts));
  const int64_t width = most_targets(parts);
  std::vector<at::Tensor> logprobs, entropy;
  for (const auto& sequences : parts) {
    auto packed = pack_sequences(model_, sequences);
    const auto result = part(sequences, packed, temperature, turn);
    logprobs.push_back(padded(result.logprobs, sequences, width));
    entropy.push_back(padded(result.entropy, sequences, width));
  }
  return {at::cat(logprobs), at::cat(entropy)};
}

std::vector<c10::IValue> Trainer::accumulate(const std::vector<Sequences>& parts, const Program& loss,
                                             const std::vector<at::Tensor>& inputs, const StepOptions& options,
                                             Turn& turn) {
  const Serial serial(narrow(model_, parts));
  try {
    return add_gradients(parts, loss, inputs, options, turn);
  } catch (...) {
    parameters_.zero_gradients();
    throw;
  }
}

std::vector<c10::IValue> Trainer::add_gradients(const std::vector<Sequences>& parts, const Program& loss,
                                                const std::vector<at::Tensor>& inputs, const StepOptions& options,
                                                Turn& turn) {
  const int64_t width = most_targets(parts);
  auto run_loss = [&](const at::Tensor& logprobs, const at::Tensor& entropy) {
    std::vector<at::Tensor> all{logprobs, entropy};
    for (const auto& input : inputs) all.push_back(input.to(logprobs.device()));
    auto results = loss.run(std::move(all), {.turn = &turn, .salt = std::nullopt});
    if (results.empty() || !results[0].isTensor() || results[0].toTensor().numel() != 1)
      fail("ERR_SHAPE_MISMATCH", "Expected a loss of one element as the first result of its program");
    return results;
  };
  // d loss / d logprobs, [sequences, width]
  auto gradient_at = [&](const at::Tensor& logprobs, const at::Tensor& entropy, std::vector<c10::IValue>& results) {
    at::AutoGradMode grad(true);
    const at::Tensor leaf = logprobs.detach().requires_grad_(true);
    results = run_loss(leaf, entropy);
    const at::Tensor value = results[0].toTensor();
    if (!value.requires_grad()) return at::zeros_like(logprobs);
    const auto gradient =
        torch::autograd::grad({value.sum()}, {leaf}, {}, std::nullopt, false, /*allow_unused=*/true)[0];
    return gradient.defined() ? gradient : at::zeros_like(logprobs);
  };

  std::vector<c10::IValue> results;
  at::Tensor gradient;
  if (parts.size() > 1 && !options.linear) {
    const auto first = logprobs(parts, options.temperature, turn);
    gradient = gradient_at(first.logprobs, first.entropy, results);
  }
  std::vector<at::Tensor> logprobs, entropy;
  int64_t row = 0;
  for (const auto& sequences : parts) {
    auto packed = pack_sequences(model_, sequences);
    at::AutoGradMode grad(true);
    const auto made = part(sequences, packed, options.temperature, turn);
    const at::Tensor own = padded(made.logprobs, sequences, width);
    logprobs.push_back(own.detach());
    entropy.push_back(padded(made.entropy, sequences, width));
    if (!gradient.defined()) {
      // One part, or a loss whose gradient is the same everywhere.
      const at::Tensor anywhere = at::zeros({sequences_in(parts), width}, own.options());
      gradient = parts.size() == 1 ? gradient_at(own, entropy[0], results) : gradient_at(anywhere, anywhere, results);
    }
    turn.pause();
    if (own.requires_grad())
      torch::autograd::backward({own}, {gradient.narrow(0, row, own.size(0)).to(own.scalar_type())});
    row += own.size(0);
    parameters_.collect_gradients();
  }
  if (options.linear && parts.size() > 1) results = run_loss(at::cat(logprobs), at::cat(entropy));
  for (auto& result : results)
    if (result.isTensor() && result.toTensor().defined()) result = result.toTensor().detach();
  return results;
}

}  // namespace frankentorch
