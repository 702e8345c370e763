#pragma once

#include <vector>

#include "model/inputs.h"
#include "model/qwen2_5_vl.h"
#include "pch.h"

namespace frankentorch {

// What a model is trained on: rows with their images and videos, and continuations of text that go on from the end of a
// row and share its keys and values. Replies to one prompt are continuations of one row, which is computed once.
struct Sequences {
  struct Continuation {
    int64_t row;
    std::vector<int64_t> ids;
  };
  // The tokens whose probability is wanted, given all before them.
  struct Target {
    int64_t sequence;  // continuations are sequences, in their order; without any, rows are
    int64_t token;     // index in the continuation, or, from 1 on, in the row
  };
  Inputs inputs;
  std::vector<Continuation> continuations;
  std::vector<Target> targets;  // by sequence, then by token

  int64_t count() const {
    return static_cast<int64_t>(continuations.empty() ? inputs.input_ids.size() : continuations.size());
  }
};

// The rows of several inputs as one.
Inputs joined(const std::vector<Inputs>& parts);

// The sequences packed for one pass, and where in it the targets are predicted.
struct PackedSequences {
  Packed packed;        // with the continuations behind the rows
  at::Tensor predicts;  // [targets] the token after which each comes, among those that are read after the last layer
  at::Tensor ids;       // [targets] their token ids
};

PackedSequences pack_sequences(const Qwen2_5_VL& model, const Sequences& sequences);

}  // namespace frankentorch
