#pragma once

#include <string>
#include <vector>

#include "hooks/points.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/layers.h"
#include "runtime/turn.h"

namespace frankentorch {

// One decoder layer. x: [tokens, hidden] over all rows of the batch, packed. Where it `ends` the decoder and nobody
// looks on, it answers for the tokens that are read only (Group::read): all of them give keys and values, those alone
// ask.
class DecoderLayer {
 public:
  DecoderLayer(const Config& config, const Parameters& parameters, int64_t index);

  at::Tensor forward(at::Tensor x, Batch& batch, const Points& at, bool ends) const;

 private:
  at::Tensor attention(const at::Tensor& x, Batch& batch, const Points& at, bool ends) const;

  int64_t index_, head_dim_;
  double eps_;
  const at::Tensor &input_norm_, &post_norm_;
  Linear q_, k_, v_, o_;
  SwiGlu mlp_;
};

// The language model of Qwen2.5-VL, which is also Qwen2's: embedding, decoder layers, final norm.
class Decoder {
 public:
  Decoder(const Config& config, const Parameters& parameters);

  // ids: [tokens] packed -> [tokens, hidden]
  at::Tensor embed(const at::Tensor& ids, const Points& at) const;

  // x: [tokens, hidden] packed -> the same after the final norm, or only the tokens that are read (Batch::read_of)
  at::Tensor forward(at::Tensor x, Batch& batch, Turn& turn, const Points& at) const;

  // The steps of that, one by one.
  at::Tensor layer(int64_t index, at::Tensor x, Batch& batch, Turn& turn, const Points& at) const;
  at::Tensor final_norm(at::Tensor x, const Points& at) const;

 private:
  bool ends(int64_t index, const Points& root) const;

  double eps_;
  const at::Tensor &embed_tokens_, &norm_;
  std::vector<DecoderLayer> layers_;
};

}  // namespace frankentorch
