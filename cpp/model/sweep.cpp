#include "model/sweep.h"

#include <algorithm>

#include "hooks/swap.h"
#include "runtime/failure.h"
#include "runtime/stopwatch.h"

namespace frankentorch {
namespace {

// [tokens, ...] -> [rows * tokens, ...]
at::Tensor for_rows(const at::Tensor& x, int64_t rows) {
  return x.unsqueeze(0).expand({rows, -1, -1, -1}).flatten(0, 1);
}

at::Tensor tokens_from(const at::Tensor& k, int64_t first, int64_t end) {
  return k.narrow(2, first, end - first);
}

}  // namespace

SwapSource keys_values_of(const Qwen2_5_VL& model, const Inputs& inputs, Turn& turn, Observer* observer) {
  Packed packed = model.pack(inputs);
  const int64_t layers = model.config().num_hidden_layers;
  KvCache cache(layers, packed.batch.groups[0].tokens);
  packed.batch.groups[0].cache = &cache;
  packed.batch.read_last_tokens();  // of the last layer only keys and values are wanted
  at::Tensor x = model.embed(inputs, packed, turn, observer);
  SwapSource source;
  for (int64_t layer = 0; layer < layers; ++layer) {
    x = model.decoder_layer(layer, std::move(x), packed.batch, turn, observer);
    if (cache.holds(layer)) {
      const auto [k, v] = cache.appended(layer);
      source.keys.push_back(k);
      source.values.push_back(v);
      continue;
    }
    // A layer that is skipped has none, and whoever takes them from here skips it too.
    const Config& config = model.config();
    const at::Tensor none =
        at::zeros({1, config.num_key_value_heads, packed.batch.groups[0].tokens, config.head_dim}, x.options());
    source.keys.push_back(none);
    source.values.push_back(none);
  }
  return source;
}

struct Sweep::Branch {
  int64_t token = 0;
  const SwapSource* source = nullptr;  // stands for the image in every layer of these rows
  std::vector<int64_t> rows;           // ascending by layer
  std::unique_ptr<KvCache> cache;
  at::Tensor x;                // [rows that have joined * tokens, hidden]
  int64_t joined = 0;          // rows
  std::vector<bool> has_keys;  // by layer; a layer that all rows skip leaves none
};

Sweep::Sweep(const Qwen2_5_VL& model, Inputs inputs, std::vector<int64_t> image, std::vector<SweepRow> rows,
             std::vector<Attachment> hooks)
    : model_(model),
      inputs_(std::move(inputs)),
      image_(std::move(image)),
      rows_(std::move(rows)),
      hooks_(std::move(hooks)),
      prompt_(model.config().num_hidden_layers, 0) {
  if (inputs_.input_ids.size() != 1)
    fail("ERR_INVALID_ARGUMENT", "Expected one prompt for a sweep but received ", inputs_.input_ids.size());
  tokens_ = static_cast<int64_t>(inputs_.input_ids[0].size());
  for (const auto& row : rows_) {
    if (row.layer < 0 || row.layer > layers() || row.token < 0 || row.token >= tokens_)
      fail("ERR_INVALID_ARGUMENT", "Expected a row of a sweep to part at a layer up to ", layers(),
           " and a token below ", tokens_, " but received layer ", row.layer, ", token ", row.token);
    if (row.swap && image_.empty())
      fail("ERR_GRID_MISMATCH", "Expected visual tokens in both prompts but received none in the target");
    const auto count = static_cast<int64_t>(image_.size());
    if (stands_in_cache(row) && (image_.back() - image_.front() + 1 != count || row.token != image_.back() + 1))
      fail("ERR_INVALID_ARGUMENT", "Expected one image right before token ", row.token, " of a swapped row");
    if (row.layer == layers()) continue;
    const auto [at, fresh] = first_tokens_.try_emplace(row.layer, row.token);
    if (!fresh) at->second = std::min(at->second, row.token);
  }
}

void Sweep::run(int64_t max_bytes, Turn& turn, const std::function<void(const std::vector<Emitted>&)>& take) {
  read_prompt(turn);
  std::vector<Attachment> hooks = swaps();
  hooks.insert(hooks.end(), hooks_.begin(), hooks_.end());
  const RowRange all{0, static_cast<int64_t>(rows_.size())};
  std::vector<RowOptions> options;
  for (const auto& row : rows_) options.push_back(row.options);

  const std::vector<int64_t> order = in_order();
  for (size_t first = 0; first < order.size();) {
    int64_t bytes = bytes_of(rows_[order[first]]);
    size_t end = first + 1;
    for (; end < order.size(); ++end) {
      bytes += bytes_of(rows_[order[end]]);
      if (max_bytes > 0 && bytes > max_bytes) break;
    }
    Generation generation(model_);
    {
      Stopwatch watch(timings_.prefill_s);
      Attachments observer;
      for (const auto& hook : hooks) observer.attach(hook, all);
      PrefilledRows rows = prefill({order.begin() + first, order.begin() + end}, observer, turn);
      take(generation.join(std::move(rows), options, hooks));
    }
    while (!generation.done()) take(generation.step(turn));
    timings_.decode_s += generation.timings().decode_s;
    ++timings_.passes;
    first = end;
  }
}

void Sweep::read_prompt(Turn& turn) {
  Packed packed = model_.pack(inputs_);
  rotary_ = packed.batch.rotary;
  next_position_ = packed.rows[0].next_position;
  prompt_ = KvCache(layers(), tokens_);
  packed.batch.groups[0].cache = &prompt_;
  at::Tensor x;
  {
    Stopwatch watch(timings_.vision_s);
    x = model_.embed(inputs_, packed, turn);
  }
  inputs_.images = inputs_.videos = {};
  Stopwatch watch(timings_.prefill_s);
  packed.batch.read_last_tokens();
  for (int64_t layer = 0; layer < layers(); ++layer) {
    if (const auto first = first_tokens_.find(layer); first != first_tokens_.end())
      layer_inputs_[layer] = x.narrow(0, first->second, tokens_ - first->second).clone();
    x = model_.decoder_layer(layer, std::move(x), packed.batch, turn);
  }
  const Batch last = packed.batch.read();
  logits_ = model_.logits(model_.final_norm(packed.batch.read_of(x), last), last);
}

// Rows that share most stand together; within a branch a row stands before those that part at higher layers, so that
// those which have parted at a layer are the first of it.
std::vector<int64_t> Sweep::in_order() const {
  std::vector<int64_t> order(rows_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  auto key = [&](int64_t id) {
    const SweepRow& row = rows_[id];
    const bool parts = row.layer < layers();
    return std::tuple(!parts, row.token, stands_in_cache(row) ? row.swap->source.get() : nullptr, row.layer);
  };
  std::ranges::stable_sort(order, {}, key);
  return order;
}

std::vector<Sweep::Branch> Sweep::branches(const std::vector<int64_t>& rows) const {
  std::vector<Branch> branches;
  for (const int64_t id : rows) {
    const SweepRow& row = rows_[id];
    if (row.layer == layers()) continue;
    const SwapSource* source = stands_in_cache(row) ? row.swap->source.get() : nullptr;
    if (branches.empty() || branches.back().token != row.token || branches.back().source != source) {
      Branch branch;
      branch.token = row.token;
      branch.source = source;
      branch.cache = std::make_unique<KvCache>(layers(), tokens_ - row.token);
      branch.has_keys.resize(layers());
      branches.push_back(std::move(branch));
    }
    branches.back().rows.push_back(id);
  }
  return branches;
}

PrefilledRows Sweep::prefill(const std::vector<int64_t>& rows, Observer& observer, Turn& turn) const {
  std::vector<Branch> parted = branches(rows);
  std::vector<at::Tensor> logits;
  if (!parted.empty()) logits.push_back(grow(parted, observer, turn));
  int64_t whole = 0;  // rows that read the prompt as it is: the last
  for (const int64_t id : rows) whole += rows_[id].layer == layers();
  if (whole > 0) logits.push_back(logits_.expand({whole, -1}));

  PrefilledRows prefilled;
  prefilled.rows = {0, static_cast<int64_t>(rows_.size())};
  prefilled.order = rows;
  prefilled.cache = cache_of(parted, rows);
  prefilled.logits = at::cat(logits);
  prefilled.prompt = inputs_.input_ids[0];
  prefilled.next_position = next_position_;
  return prefilled;
}

// One pass over the layers with the rows that have parted so far. -> [rows, vocabulary] of the last tokens
at::Tensor Sweep::grow(std::vector<Branch>& branches, Observer& observer, Turn& turn) const {
  Batch batch;
  at::Tensor x;
  for (int64_t layer = 0; layer < layers(); ++layer) {
    batch = {};
    std::vector<at::Tensor> parts, cos, sin;
    std::vector<Branch*> active;
    int64_t offset = 0;
    for (auto& branch : branches) {
      const int64_t tokens = tokens_ - branch.token;
      std::vector<at::Tensor> grown;
      if (branch.joined > 0) grown.push_back(branch.x);
      for (; branch.joined < static_cast<int64_t>(branch.rows.size()); ++branch.joined) {
        if (rows_[branch.rows[branch.joined]].layer > layer) break;
        grown.push_back(layer_inputs_.at(layer).narrow(0, branch.token - first_tokens_.at(layer), tokens));
      }
      if (grown.empty()) continue;
      parts.insert(parts.end(), grown.begin(), grown.end());

      const auto [k, v] = prompt_.appended(layer);
      const std::vector<int64_t> first_of_all(branch.joined, 0);
      const int64_t before = branch.source ? image_.front() : branch.token;
      if (before > 0) branch.cache->share(layer, {tokens_from(k, 0, before), tokens_from(v, 0, before), first_of_all});
      if (branch.source)
        branch.cache->share(layer, {branch.source->keys[layer], branch.source->values[layer], first_of_all});

      Group group;
      group.rows.assign(branch.rows.begin(), branch.rows.begin() + branch.joined);
      group.tokens = tokens;
      group.first_token = branch.token;
      group.offset = offset;
      group.cache = branch.cache.get();
      offset += group.packed_tokens();
      batch.groups.push_back(std::move(group));
      active.push_back(&branch);
      cos.push_back(for_rows(rotary_.cos.narrow(0, branch.token, tokens), branch.joined));
      sin.push_back(for_rows(rotary_.sin.narrow(0, branch.token, tokens), branch.joined));
    }
    if (active.empty()) continue;
    batch.rotary = {at::cat(cos), at::cat(sin)};
    batch.read_last_tokens();
    x = model_.decoder_layer(layer, at::cat(parts), batch, turn, &observer);
    for (size_t i = 0; i < active.size(); ++i) {
      if (layer + 1 < layers()) active[i]->x = x.narrow(0, batch.groups[i].offset, batch.groups[i].packed_tokens());
      active[i]->has_keys[layer] = active[i]->cache->holds(layer);
    }
  }
  const Batch last = batch.read();
  return model_.logits(model_.final_norm(batch.read_of(x), last, &observer), last, &observer);
}

// Keys and values of the prompt for every row: the prompt's own where a row has not parted from it; else what it shares
// before its token, the source's image and what the row computed.
std::unique_ptr<KvCache> Sweep::cache_of(const std::vector<Branch>& branches, const std::vector<int64_t>& rows) const {
  int64_t longest = 0;
  for (const int64_t id : rows) longest = std::max(longest, rows_[id].options.max_new_tokens);
  auto cache = std::make_unique<KvCache>(layers(), longest);
  const auto count = static_cast<int64_t>(rows.size());
  for (int64_t layer = 0; layer < layers(); ++layer) {
    const auto [k, v] = prompt_.appended(layer);
    std::vector<int64_t> whole(count, 0);
    int64_t first = 0;
    for (const auto& branch : branches) {
      const auto parted = std::ranges::count_if(branch.rows, [&](int64_t id) { return rows_[id].layer <= layer; });
      std::vector<int64_t> shared(count, -1), own(count, -1);
      for (int64_t i = 0; i < parted; ++i) {
        whole[first + i] = -1;
        shared[first + i] = 0;
        own[first + i] = i;
      }
      const int64_t before = branch.source ? image_.front() : branch.token;
      if (parted > 0 && before > 0) cache->share(layer, {tokens_from(k, 0, before), tokens_from(v, 0, before), shared});
      if (parted > 0 && branch.has_keys[layer]) {
        const auto [own_k, own_v] = branch.cache->appended(layer);
        cache->share(layer, {own_k, own_v, own});
      }
      first += static_cast<int64_t>(branch.rows.size());
    }
    if (std::ranges::count(whole, 0) > 0) cache->share(layer, {k, v, whole});
    share_swaps(*cache, layer, rows);
  }
  return cache;
}

// The source's image tokens of this layer: for rows that never computed their own in place of those, and once more for
// every new token where the swap recurs.
void Sweep::share_swaps(KvCache& cache, int64_t layer, const std::vector<int64_t>& rows) const {
  std::map<std::tuple<const SwapSource*, bool, bool>, std::vector<int64_t>> users;
  for (size_t i = 0; i < rows.size(); ++i) {
    const SweepRow& row = rows_[rows[i]];
    if (!row.swap || !row.swap->layers[layer]) continue;
    const bool stands = stands_in_cache(row);
    if (!stands && !row.swap->recurs) continue;
    auto& of_row = users[{row.swap->source.get(), stands, row.swap->recurs}];
    of_row.resize(rows.size(), -1);
    of_row[i] = 0;
  }
  for (auto& [kind, of_row] : users) {
    const auto& [source, stands, recurs] = kind;
    cache.share(layer, {source->keys[layer], source->values[layer], std::move(of_row), stands ? 1 : 0, recurs});
  }
}

// Rows that do compute the states of the image are swapped as they do.
std::vector<Attachment> Sweep::swaps() const {
  std::vector<Attachment> hooks;
  for (int64_t layer = 0; layer < layers(); ++layer) {
    std::map<const SwapSource*, std::vector<int64_t>> keys, values;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const auto& swap = rows_[i].swap;
      if (!swap || !swap->layers[layer] || stands_in_cache(rows_[i])) continue;
      if (swap->keys) keys[swap->source.get()].push_back(static_cast<int64_t>(i));
      if (swap->values) values[swap->source.get()].push_back(static_cast<int64_t>(i));
    }
    const std::string attention = "language_model.layers." + std::to_string(layer) + ".self_attn";
    for (auto& [source, rows] : keys)
      hooks.push_back({attention + ".key", std::make_shared<Swap>(Swap::Options{source->keys[layer], image_, rows})});
    for (auto& [source, rows] : values)
      hooks.push_back(
          {attention + ".value", std::make_shared<Swap>(Swap::Options{source->values[layer], image_, rows})});
  }
  return hooks;
}

bool Sweep::stands_in_cache(const SweepRow& row) const {
  return row.swap && row.token > image_.front();
}

// The most that a row holds at a time: its keys and values at the end, its states in a layer of the prefill with what
// its MLP makes of them, and its logits.
int64_t Sweep::bytes_of(const SweepRow& row) const {
  const Config& config = model_.config();
  const int64_t element = static_cast<int64_t>(c10::elementSize(model_.dtype()));
  const int64_t key_width = config.num_key_value_heads * config.head_dim;
  const int64_t mlp_width = model_.parameters()["language_model.layers.0.mlp.gate_proj.weight"].size(0);
  const int64_t own = row.layer == layers() ? 0 : tokens_ - row.token;
  const int64_t cached = 2 * key_width * (own * (layers() - row.layer) + row.options.max_new_tokens * layers());
  const int64_t states = own * (6 * config.hidden_size + 3 * mlp_width) +
                         (own > 0 ? 2 * tokens_ * config.num_attention_heads * config.head_dim : 0);
  return element * (cached + states) + config.vocab_size * (element + 4);
}

}  // namespace frankentorch
