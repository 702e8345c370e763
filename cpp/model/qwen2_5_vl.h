#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "hooks/points.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/decoder.h"
#include "model/inputs.h"
#include "model/parameters.h"
#include "model/positions.h"
#include "model/vision.h"
#include "runtime/turn.h"

namespace frankentorch {

// A prompt batch laid out for one pass: groups of rows of equal length, their tokens packed.
struct Packed {
  Batch batch;  // without caches; rows numbered from first_row on, in the order of the inputs
  int64_t first_row = 0;
  int64_t rows_each = 1;        // numbers that a prompt takes; its row here has the first of them
  at::Tensor ids;               // [tokens]
  at::Tensor position_ids;      // [3, tokens]
  std::vector<RowLayout> rows;  // as in the inputs

  // Which of the inputs the row of this number is.
  int64_t input_of(int64_t row) const { return (row - first_row) / rows_each; }
};

struct PointInfo {
  std::string name;
  std::vector<int64_t> shape;  // for one row; -1 where it is a number of tokens or patches
};

// Qwen2.5-VL (arXiv 2502.13923), or Qwen2 when the configuration has no vision tower.
class Qwen2_5_VL {
 public:
  Qwen2_5_VL(Config config, Parameters parameters);

  const Config& config() const { return config_; }
  const Parameters& parameters() const { return parameters_; }
  // The next pass computes with `value`, which has the shape, dtype and device of what was there.
  void set_parameter(const std::string& name, at::Tensor value) { parameters_.set(name, std::move(value)); }
  // [vocabulary, hidden], the embedding itself where they are tied
  const at::Tensor& head() const { return *lm_head_; }
  at::ScalarType dtype() const { return lm_head_->scalar_type(); }
  at::Device device() const { return lm_head_->device(); }

  // Whether waking a second thread for every operator costs more than it takes over, in a pass over so many tokens.
  bool narrow(int64_t tokens) const;

  // Throws when an id lies outside the vocabulary, a row is empty or exceeds the context, or placeholders and visuals
  // do not match.
  Packed pack(const Inputs& inputs, int64_t first_row = 0, int64_t rows_each = 1) const;

  // Token embeddings with the visuals in their places: [tokens, hidden].
  at::Tensor embed(const Inputs& inputs, const Packed& packed, Turn& turn, Observer* observer = nullptr) const;

  // The decoder over packed embeddings, after the final norm: [tokens, hidden].
  at::Tensor decode(at::Tensor x, Batch& batch, Turn& turn, Observer* observer = nullptr) const;

  // The steps of that, one by one.
  at::Tensor decoder_layer(int64_t index, at::Tensor x, Batch& batch, Turn& turn, Observer* observer = nullptr) const;
  at::Tensor final_norm(at::Tensor x, const Batch& batch, Observer* observer = nullptr) const;

  // [tokens, hidden] -> [tokens, vocabulary]. `batch` says whose tokens these are.
  at::Tensor logits(const at::Tensor& hidden, const Batch& batch, Observer* observer = nullptr) const;

  // Tokens that may follow as many; at least one.
  int64_t room_after(int64_t tokens) const { return std::max<int64_t>(config_.max_position_embeddings - tokens, 1); }

  CosSin rotary(const at::Tensor& position_ids) const {
    return multimodal_rotary(config_, position_ids.to(device()), dtype());
  }

  // Every named point with the shape it has for one row, found by running a forward pass on the meta device.
  std::vector<PointInfo> points(Turn& turn) const;

 private:
  Config config_;
  Parameters parameters_;
  std::unique_ptr<VisionTower> vision_;
  Decoder decoder_;
  const at::Tensor* lm_head_;
};

}  // namespace frankentorch
