#include "model/generation.h"

#include <algorithm>
#include <chrono>

namespace frankentorch {
namespace {

// Adds the time until it goes out of scope.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  ~Stopwatch() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_;
};

// The batch of each row's last token, for logits that only need those.
Batch last_tokens(const Batch& batch) {
  Batch last;
  int64_t offset = 0;
  for (const auto& group : batch.groups) {
    Group one = group;
    one.first_token = group.first_token + group.tokens - 1;
    one.tokens = 1;
    one.offset = offset;
    offset += one.packed_tokens();
    last.groups.push_back(std::move(one));
  }
  return last;
}

// [tokens, hidden] -> [rows of all groups, hidden]
at::Tensor select_last(const at::Tensor& hidden, const Batch& batch) {
  std::vector<at::Tensor> last;
  for (const auto& group : batch.groups) last.push_back(Batch::rows_of(group, hidden).select(1, group.tokens - 1));
  return at::cat(last);
}

}  // namespace

std::vector<Emitted> Generation::join(const Inputs& inputs, const std::vector<RowOptions>& options, Turn& turn) {
  Packed packed = model_.pack(inputs);
  const int64_t first_row = next_row_;
  next_row_ += static_cast<int64_t>(inputs.input_ids.size());
  std::vector<RunningGroup> joined;
  for (auto& group : packed.batch.groups) {
    RunningGroup running;
    const int64_t room = model_.config().max_position_embeddings - group.tokens;
    int64_t longest = 0;
    for (const int64_t r : group.rows) {
      RowOptions row = options[r];
      row.max_new_tokens = std::min(row.max_new_tokens, std::max<int64_t>(room, 1));
      longest = std::max(longest, row.max_new_tokens);
      running.rows.push_back(
          {first_row + r, row, Sampler(row.sampling, inputs.input_ids[r]), packed.rows[r].next_position});
    }
    running.cache = std::make_unique<KvCache>(model_.config().num_hidden_layers, group.tokens + longest);
    running.cached_tokens = group.tokens;
    group.cache = running.cache.get();
    joined.push_back(std::move(running));
  }

  at::Tensor x;
  {
    Stopwatch watch(timings_.vision_s);
    x = model_.embed(inputs, packed, turn, observer_);
  }
  // Hooks know rows by their number in the generation; the packed layout above numbered them within this join.
  for (auto& group : packed.batch.groups)
    for (auto& row : group.rows) row += first_row;
  at::Tensor logits;
  {
    Stopwatch watch(timings_.prefill_s);
    const at::Tensor hidden = model_.decode(std::move(x), packed.batch, turn, observer_);
    logits =
        model_.logits(select_last(hidden, packed.batch), last_tokens(packed.batch), observer_);  // [rows, vocabulary]
  }

  std::vector<Emitted> emitted;
  int64_t offset = 0;
  for (auto& group : joined) {
    const auto rows = static_cast<int64_t>(group.rows.size());
    sample(group, logits.narrow(0, offset, rows), emitted);
    offset += rows;
    if (!group.rows.empty()) groups_.push_back(std::move(group));
  }
  std::ranges::sort(emitted, {}, &Emitted::row);
  return emitted;
}

std::vector<Emitted> Generation::step(Turn& turn) {
  turn.pause();
  Stopwatch watch(timings_.decode_s);
  Batch batch;
  std::vector<int64_t> ids, positions;
  for (auto& running : groups_) {
    Group group;
    group.tokens = 1;
    group.first_token = running.cached_tokens++;
    group.offset = static_cast<int64_t>(ids.size());
    group.cache = running.cache.get();
    group.prefill = false;
    for (auto& row : running.rows) {
      group.rows.push_back(row.id);
      ids.push_back(row.last_token);
      positions.push_back(row.next_position++);
    }
    batch.groups.push_back(std::move(group));
  }
  batch.rotary = model_.rotary(at::tensor(positions, at::kLong).expand({3, -1}));

  Inputs none;
  Packed packed{batch, at::tensor(ids, at::kLong).to(model_.device()), {}, {}};
  at::Tensor x = model_.embed(none, packed, turn, observer_);
  const at::Tensor logits = model_.logits(model_.decode(std::move(x), batch, turn, observer_), batch, observer_);

  std::vector<Emitted> emitted;
  for (size_t g = 0; g < groups_.size(); ++g)
    sample(groups_[g], logits.narrow(0, batch.groups[g].offset, batch.groups[g].packed_tokens()), emitted);
  std::erase_if(groups_, [](const RunningGroup& group) { return group.rows.empty(); });
  std::ranges::sort(emitted, {}, &Emitted::row);
  return emitted;
}

void Generation::sample(RunningGroup& group, const at::Tensor& logits, std::vector<Emitted>& emitted) {
  std::vector<Row> remaining;
  std::vector<int64_t> kept;
  for (size_t i = 0; i < group.rows.size(); ++i) {
    Row& row = group.rows[i];
    row.last_token = row.sampler.next(logits[static_cast<int64_t>(i)]);
    ++row.new_tokens;
    const bool stop = std::ranges::count(row.options.stop_ids, row.last_token) > 0;
    const bool length = row.new_tokens >= row.options.max_new_tokens;
    emitted.push_back({row.id, row.last_token,
                       stop     ? Emitted::Finish::stop
                       : length ? Emitted::Finish::length
                                : Emitted::Finish::none});
    if (stop || length) continue;
    kept.push_back(static_cast<int64_t>(i));
    remaining.push_back(std::move(row));
  }
  if (kept.size() < group.rows.size() && !kept.empty()) group.cache->keep(kept);
  group.rows = std::move(remaining);
}

}  // namespace frankentorch
