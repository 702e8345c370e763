#include "model/generation.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "kernels/fused.h"
#include "runtime/failure.h"
#include "runtime/serial.h"
#include "runtime/stopwatch.h"

namespace frankentorch {
std::vector<Emitted> Generation::join(const Inputs& inputs, const std::vector<RowOptions>& options,
                                      const std::vector<Attachment>& hooks, Turn& turn) {
  const auto replies = static_cast<int64_t>(options.size()), prompts = static_cast<int64_t>(inputs.input_ids.size());
  if (prompts == 0 || replies == 0 || replies % prompts != 0)
    fail("ERR_INVALID_ARGUMENT", "Expected options for as many replies to each of ", prompts, " prompts but received ",
         replies);
  const RowRange rows{next_row_, next_row_ + replies};
  Packed packed = model_.pack(inputs, rows.first, replies / prompts);
  const Serial serial(model_.narrow(packed.ids.size(0)));
  for (const auto& hook : hooks) hooks_.attach(hook, rows);
  try {
    auto emitted = prefill(inputs, options, packed, rows, turn);
    next_row_ = rows.end;
    return emitted;
  } catch (...) {
    hooks_.detach(rows);
    throw;
  }
}

std::vector<Emitted> Generation::prefill(const Inputs& inputs, const std::vector<RowOptions>& options, Packed& packed,
                                         RowRange joining, Turn& turn) {
  std::vector<RunningGroup> joined;
  for (auto& group : packed.batch.groups) {
    RunningGroup running;
    int64_t longest = 0;
    for (const int64_t first : group.rows) {
      const int64_t prompt = packed.input_of(first);
      for (int64_t id = first; id < first + packed.rows_each; ++id) {
        RowOptions row = options[id - joining.first];
        row.max_new_tokens = std::min(row.max_new_tokens, model_.room_after(group.tokens));
        longest = std::max(longest, row.max_new_tokens);
        running.rows.push_back(
            {id, row, Sampler(row.sampling, inputs.input_ids[prompt]), packed.rows[prompt].next_position});
      }
    }
    const bool forks = packed.rows_each > 1;
    running.cache = std::make_unique<KvCache>(model_.config().num_hidden_layers, group.tokens + (forks ? 0 : longest));
    running.cached_tokens = group.tokens;
    running.expected_tokens = longest;
    running.joined = joining;
    group.cache = running.cache.get();
    joined.push_back(std::move(running));
  }

  at::Tensor x;
  {
    Stopwatch watch(timings_.vision_s);
    x = model_.embed(inputs, packed, turn, &hooks_);
  }
  at::Tensor logits;
  {
    Stopwatch watch(timings_.prefill_s);
    packed.batch.read_last_tokens();
    const at::Tensor hidden = model_.decode(std::move(x), packed.batch, turn, &hooks_);
    logits = model_.logits(packed.batch.read_of(hidden), packed.batch.read(), &hooks_);  // [rows, vocabulary]
  }

  std::vector<Emitted> emitted;
  int64_t offset = 0;
  for (auto& group : joined) {
    const int64_t prompts = static_cast<int64_t>(group.rows.size()) / packed.rows_each;
    if (packed.rows_each > 1) group.cache->fork(packed.rows_each, group.expected_tokens);
    sample(group, logits.narrow(0, offset, prompts), emitted);
    offset += prompts;
    groups_.push_back(std::move(group));
  }
  drop_empty_groups();
  std::ranges::sort(emitted, {}, &Emitted::row);
  return emitted;
}

std::vector<Emitted> Generation::join(PrefilledRows prefilled, const std::vector<RowOptions>& options,
                                      const std::vector<Attachment>& hooks) {
  RunningGroup group;
  group.joined = {prefilled.rows.first, prefilled.rows.end};
  for (const auto& hook : hooks) hooks_.attach(hook, group.joined);
  next_row_ = std::max(next_row_, prefilled.rows.end);
  for (const int64_t id : prefilled.order) {
    RowOptions row = options[id - prefilled.rows.first];
    row.max_new_tokens = std::min(row.max_new_tokens, model_.room_after(prefilled.prompt.size()));
    group.rows.push_back({id, row, Sampler(row.sampling, prefilled.prompt), prefilled.next_position});
  }
  group.cache = std::move(prefilled.cache);
  group.cached_tokens = static_cast<int64_t>(prefilled.prompt.size());
  std::vector<Emitted> emitted;
  sample(group, prefilled.logits, emitted);
  groups_.push_back(std::move(group));
  drop_empty_groups();
  std::ranges::sort(emitted, {}, &Emitted::row);
  return emitted;
}

std::vector<Emitted> Generation::step(Turn& turn) {
  turn.pause();
  const Serial serial(model_.narrow(rows()));
  try {
    return decode(turn);
  } catch (...) {
    for (auto& group : groups_) group.rows.clear();
    drop_empty_groups();
    throw;
  }
}

std::vector<Emitted> Generation::decode(Turn& turn) {
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
  Packed packed{batch, /*first_row=*/0, /*rows_each=*/1, at::tensor(ids, at::kLong).to(model_.device()), {}, {}};
  at::Tensor x = model_.embed(none, packed, turn, &hooks_);
  const at::Tensor logits = model_.logits(model_.decode(std::move(x), batch, turn, &hooks_), batch, &hooks_);

  std::vector<Emitted> emitted;
  for (size_t g = 0; g < groups_.size(); ++g)
    sample(groups_[g], logits.narrow(0, batch.groups[g].offset, batch.groups[g].packed_tokens()), emitted);
  drop_empty_groups();
  std::ranges::sort(emitted, {}, &Emitted::row);
  return emitted;
}

void Generation::leave(int64_t id) {
  for (auto& group : groups_) {
    std::vector<int64_t> kept;
    for (size_t i = 0; i < group.rows.size(); ++i)
      if (group.rows[i].id != id) kept.push_back(static_cast<int64_t>(i));
    group.keep(kept);
  }
  drop_empty_groups();
}

int64_t Generation::rows() const {
  int64_t rows = 0;
  for (const auto& group : groups_) rows += static_cast<int64_t>(group.rows.size());
  return rows;
}

// Rows that joined together may live in several groups; their hooks go when the last of them does.
void Generation::drop_empty_groups() {
  for (const auto& gone : groups_) {
    if (!gone.rows.empty()) continue;
    const bool others = std::ranges::any_of(groups_, [&](const RunningGroup& group) {
      return !group.rows.empty() && group.joined.first == gone.joined.first;
    });
    if (!others) hooks_.detach(gone.joined);
  }
  std::erase_if(groups_, [](const RunningGroup& group) { return group.rows.empty(); });
}

void Generation::sample(RunningGroup& group, const at::Tensor& logits, std::vector<Emitted>& emitted) {
  const at::Tensor here = logits.detach().to(at::kCPU);
  const auto count = static_cast<int64_t>(group.rows.size()), rows_each = count / here.size(0);
  at::parallel_for(0, count, rows_worth_a_thread(here.size(1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) group.rows[i].last_token = group.rows[i].sampler.next(here[i / rows_each]);
  });
  std::vector<int64_t> kept;
  for (size_t i = 0; i < group.rows.size(); ++i) {
    Row& row = group.rows[i];
    ++row.new_tokens;
    const bool stop = std::ranges::count(row.options.stop_ids, row.last_token) > 0;
    const bool length = row.new_tokens >= row.options.max_new_tokens;
    emitted.push_back({row.id, row.last_token,
                       stop     ? Emitted::Finish::stop
                       : length ? Emitted::Finish::length
                                : Emitted::Finish::none});
    if (!stop && !length) kept.push_back(static_cast<int64_t>(i));
  }
  group.keep(kept);
}

void Generation::RunningGroup::keep(const std::vector<int64_t>& kept) {
  if (kept.size() == rows.size()) return;
  std::vector<Row> remaining;
  for (const int64_t i : kept) remaining.push_back(std::move(rows[i]));
  rows = std::move(remaining);
  if (!rows.empty()) cache->keep(kept);
}

}  // namespace frankentorch
