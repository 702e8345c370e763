#include "model/qwen2_5_vl.h"

#include <map>

#include "runtime/failure.h"

namespace frankentorch {

Qwen2_5_VL::Qwen2_5_VL(Config config, Parameters parameters)
    : config_(std::move(config)),
      parameters_(std::move(parameters)),
      vision_(config_.vision ? std::make_unique<VisionTower>(config_, parameters_) : nullptr),
      decoder_(config_, parameters_),
      lm_head_(&parameters_[config_.tie_word_embeddings ? "language_model.embed_tokens.weight" : "lm_head.weight"]) {}

// Of the tiny world's model, whose layers have weights of 64 × 192, a training step over 930 tokens takes 71 ms on one
// thread and 108 ms on two (two cores of an EPYC, GNU OpenMP), 64 steps of 16 rows 127 and 450 ms; over 6,000 tokens
// two are faster. Weights beyond a core's cache are always read by all.
bool Qwen2_5_VL::narrow(int64_t tokens) const {
  constexpr int64_t kCached = int64_t{1} << 16, kWorthThreads = int64_t{1} << 24;
  const int64_t weights = parameters_["language_model.layers.0.mlp.gate_proj.weight"].numel();
  return device().is_cpu() && weights < kCached && tokens * weights < kWorthThreads;
}

Packed Qwen2_5_VL::pack(const Inputs& inputs, int64_t first_row, int64_t rows_each) const {
  std::map<int64_t, std::vector<int64_t>> rows_by_length;
  for (size_t r = 0; r < inputs.input_ids.size(); ++r) {
    const auto& ids = inputs.input_ids[r];
    const auto length = static_cast<int64_t>(ids.size());
    if (length == 0)
      fail("ERR_INVALID_ARGUMENT", "Expected at least one token for row ", r, " of inputIds but received none");
    if (length > config_.max_position_embeddings)
      fail("ERR_CONTEXT_LENGTH", "Expected at most ", config_.max_position_embeddings, " tokens in a prompt but row ",
           r, " has ", length);
    for (const int64_t id : ids)
      if (id < 0 || id >= config_.vocab_size)
        fail("ERR_INVALID_ARGUMENT", "Expected token ids from 0 to ", config_.vocab_size - 1, " for row ", r,
             " of inputIds but received ", id);
    rows_by_length[length].push_back(static_cast<int64_t>(r));
  }

  Packed packed;
  packed.first_row = first_row;
  packed.rows_each = rows_each;
  packed.rows = layout_rows(config_, inputs);
  std::vector<int64_t> ids;
  std::vector<at::Tensor> position_ids;
  for (auto& [length, rows] : rows_by_length) {
    Group group;
    group.tokens = length;
    group.offset = static_cast<int64_t>(ids.size());
    for (const int64_t r : rows) {
      ids.insert(ids.end(), inputs.input_ids[r].begin(), inputs.input_ids[r].end());
      position_ids.push_back(packed.rows[r].position_ids);
    }
    group.rows = std::move(rows);
    for (auto& row : group.rows) row = first_row + row * rows_each;
    packed.batch.groups.push_back(std::move(group));
  }
  packed.ids = at::tensor(ids, at::kLong).to(device());
  packed.position_ids = at::cat(position_ids, 1);
  packed.batch.rotary = rotary(packed.position_ids);
  return packed;
}

at::Tensor Qwen2_5_VL::embed(const Inputs& inputs, const Packed& packed, Turn& turn, Observer* observer) const {
  const Points root(observer);
  if (observer) observer->enter(packed.batch, Observer::Stage::visuals);
  at::Tensor images, videos;
  if (!inputs.images.grids.empty()) images = vision_->forward(inputs.images, turn, root);
  if (!inputs.videos.grids.empty()) videos = vision_->forward(inputs.videos, turn, root);

  if (observer) observer->enter(packed.batch, Observer::Stage::tokens);
  at::Tensor x = decoder_.embed(packed.ids, root);  // [tokens, hidden]
  auto place = [&](const at::Tensor& embeddings, std::vector<VisualToken> RowLayout::*visuals) {
    if (!embeddings.defined()) return;
    std::vector<int64_t> into, from;
    for (const auto& group : packed.batch.groups)
      for (size_t i = 0; i < group.rows.size() && !group.prefix; ++i)  // what follows a prefix is text
        for (const auto& visual : packed.rows[packed.input_of(group.rows[i])].*visuals) {
          into.push_back(group.offset + static_cast<int64_t>(i) * group.tokens + visual.token);
          from.push_back(visual.source);
        }
    auto index = [&](const std::vector<int64_t>& positions) { return at::tensor(positions, at::kLong).to(device()); };
    x = x.index_copy(0, index(into), take_rows(embeddings, index(from)));
  };
  place(images, &RowLayout::images);
  place(videos, &RowLayout::videos);
  return x;
}

at::Tensor Qwen2_5_VL::decode(at::Tensor x, Batch& batch, Turn& turn, Observer* observer) const {
  if (observer) observer->enter(batch, Observer::Stage::tokens);
  return decoder_.forward(std::move(x), batch, turn, Points(observer));
}

at::Tensor Qwen2_5_VL::decoder_layer(int64_t index, at::Tensor x, Batch& batch, Turn& turn, Observer* observer) const {
  if (observer) observer->enter(batch, Observer::Stage::tokens);
  return decoder_.layer(index, std::move(x), batch, turn, Points(observer));
}

at::Tensor Qwen2_5_VL::final_norm(at::Tensor x, const Batch& batch, Observer* observer) const {
  if (observer) observer->enter(batch, Observer::Stage::tokens);
  return decoder_.final_norm(std::move(x), Points(observer));
}

at::Tensor Qwen2_5_VL::logits(const at::Tensor& hidden, const Batch& batch, Observer* observer) const {
  if (observer) observer->enter(batch, Observer::Stage::tokens);
  return Points(observer).through("lm_head", hidden, [&](const at::Tensor& hidden, const Points&) {
    return frankentorch::linear(hidden, *lm_head_);
  });
}

}  // namespace frankentorch
