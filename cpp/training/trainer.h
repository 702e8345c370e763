#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/qwen2_5_vl.h"
#include "pch.h"
#include "runtime/turn.h"
#include "tensor/program.h"
#include "training/adamw.h"
#include "training/sequences.h"
#include "training/trainable.h"

namespace frankentorch {

// Of each sequence (a row) and each of its targets in order; zeros behind the last. At least float32.
struct SequenceLogprobs {
  at::Tensor logprobs, entropy;  // [sequences, most targets]
};

struct StepOptions {
  double temperature = 1;
  // The gradient of the loss does not depend on the log-probabilities (maximum likelihood), so that several parts need
  // no first pass to know it.
  bool linear = false;
};

// Trains some parameters of a model in place: the model generates with what was learned so far.
class Trainer {
 public:
  // Copies the parameters `names` out of the file mapping. `recompute`: layers run again in the backward pass.
  Trainer(Qwen2_5_VL& model, const std::vector<std::string>& names, bool recompute);

  // Without a graph. `parts` are the sequences in order, each a pass of its own.
  SequenceLogprobs logprobs(const std::vector<Sequences>& parts, double temperature, Turn& turn) const;

  // Adds the gradients of a loss to the parameters'. `loss` is a program of (logprobs, entropy, inputs…) whose first
  // result is the loss. With several parts its gradient with respect to the log-probabilities is found first, from a
  // pass without a graph, so that any loss sees all sequences at once while one part at a time holds its graph.
  // Returns the results of the program. When it throws, all gradients are gone.
  std::vector<c10::IValue> accumulate(const std::vector<Sequences>& parts, const Program& loss,
                                      const std::vector<at::Tensor>& inputs, const StepOptions& options, Turn& turn);

  TrainableParameters& parameters() { return parameters_; }

 private:
  std::vector<c10::IValue> add_gradients(const std::vector<Sequences>& parts, const Program& loss,
                                         const std::vector<at::Tensor>& inputs, const StepOptions& options, Turn& turn);
  at::Tensor hidden(const Sequences& sequences, PackedSequences& packed, Turn& turn) const;
  SequenceLogprobs part(const Sequences& sequences, PackedSequences& packed, double temperature, Turn& turn) const;

  Qwen2_5_VL& model_;
  TrainableParameters parameters_;
  int64_t recompute_from_;
};

}  // namespace frankentorch
