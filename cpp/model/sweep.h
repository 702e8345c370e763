#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "hooks/attachments.h"
#include "model/generation.h"
#include "model/qwen2_5_vl.h"

namespace frankentorch {

// What the image tokens of a prompt are swapped for: keys (after rotary) and values by layer, each [1, kv_heads, image
// tokens, head_dim].
struct SwapSource {
  std::vector<at::Tensor> keys, values;
};

// Keys and values of all tokens of a prompt of one row, by layer: what a source is taken from.
SwapSource keys_values_of(const Qwen2_5_VL& model, const Inputs& inputs, Turn& turn, Observer* observer = nullptr);

// A visual-token swap of one row (arXiv 2602.12395, functional localization).
struct RowSwap {
  std::shared_ptr<const SwapSource> source;
  std::vector<bool> layers;  // of every decoder layer, whether it is swapped
  bool keys = true, values = true;
  bool recurs = false;  // the published code appends the source's tokens at every decoding step
};

// One row of a sweep: where it parts from the prompt as the model reads it. Below `layer`, and before `token` in all
// layers, nothing of it differs. A swapped row whose `token` lies behind the image never computes the states of the
// image: the source's keys and values stand in its cache in their place, in every layer from `layer` on.
struct SweepRow {
  RowOptions options;
  int64_t layer = 0;  // the number of layers: it reads the prompt as it is
  int64_t token = 0;
  std::optional<RowSwap> swap;
};

// Replies to one prompt under many interventions. The prompt is read once, keeping what enters the layers at which rows
// part from it. Then one pass over the layers computes all rows together: a row joins at its layer, for the tokens from
// its token on. A row's keys and values are the prompt's where it does not differ, the source's where it is swapped,
// and its own. All rows decode together and leave when they are done.
class Sweep {
 public:
  // `inputs` hold one row, whose image tokens are at the positions `image`. `hooks` take rows by their place in `rows`.
  Sweep(const Qwen2_5_VL& model, Inputs inputs, std::vector<int64_t> image, std::vector<SweepRow> rows,
        std::vector<Attachment> hooks);

  // `max_bytes`, beyond the weights: rows that do not fit take turns, at least one at a time; 0 sets no bound.
  void run(int64_t max_bytes, Turn& turn, const std::function<void(const std::vector<Emitted>&)>& take);

  const GenerationTimings& timings() const { return timings_; }

 private:
  struct Branch;  // rows that part at the same token, with the same keys and values before it

  void read_prompt(Turn& turn);
  std::vector<int64_t> in_order() const;
  std::vector<Branch> branches(const std::vector<int64_t>& rows) const;
  PrefilledRows prefill(const std::vector<int64_t>& rows, Observer& observer, Turn& turn) const;
  at::Tensor grow(std::vector<Branch>& branches, Observer& observer, Turn& turn) const;
  std::unique_ptr<KvCache> cache_of(const std::vector<Branch>& branches, const std::vector<int64_t>& rows) const;
  void share_swaps(KvCache& cache, int64_t layer, const std::vector<int64_t>& rows) const;
  std::vector<Attachment> swaps() const;
  bool stands_in_cache(const SweepRow& row) const;
  int64_t bytes_of(const SweepRow& row) const;
  int64_t layers() const { return model_.config().num_hidden_layers; }

  const Qwen2_5_VL& model_;
  Inputs inputs_;
  std::vector<int64_t> image_;
  std::vector<SweepRow> rows_;
  std::vector<Attachment> hooks_;

  // The prompt as the model reads it.
  int64_t tokens_ = 0, next_position_ = 0;
  CosSin rotary_;
  KvCache prompt_;
  std::map<int64_t, int64_t> first_tokens_;     // of the rows that part at a layer
  std::map<int64_t, at::Tensor> layer_inputs_;  // of these layers, from those tokens on: [tokens, hidden]
  at::Tensor logits_;                           // [1, vocabulary]
  GenerationTimings timings_;
};

}  // namespace frankentorch
