#include "training/sequences.h"

#include <algorithm>
#include <map>
#include <utility>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

// Where each row of a packed batch begins: its group, its place in it, and its first packed token.
struct Place {
  size_t group;
  int64_t row, first, tokens;
};

std::vector<Place> places_of(const Batch& batch, size_t rows) {
  std::vector<Place> places(rows);
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const Group& group = batch.groups[g];
    for (size_t i = 0; i < group.rows.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      places[group.rows[i]] = {g, row, group.offset + row * group.tokens, group.tokens};
    }
  }
  return places;
}

// Says of every group how many last tokens of its rows are read, which reach back to the earliest that predicts, and
// counts `predicts`, packed tokens, among those.
void read_only(std::vector<int64_t>& predicts, Batch& batch) {
  auto group_of = [&](int64_t token) -> Group& {
    return *std::ranges::find_if(batch.groups,
                                 [&](const Group& group) { return token < group.offset + group.packed_tokens(); });
  };
  for (auto& group : batch.groups) group.read = 1;
  for (const int64_t token : predicts) {
    Group& group = group_of(token);
    group.read = std::max(group.read, group.tokens - (token - group.offset) % group.tokens);
  }
  const Batch read = batch.read();
  for (int64_t& token : predicts) {
    const Group& group = group_of(token);
    const Group& few = read.groups[&group - batch.groups.data()];
    const int64_t row = (token - group.offset) / group.tokens,
                  from_end = group.tokens - (token - group.offset) % group.tokens;
    token = few.offset + (row + 1) * few.tokens - from_end;
  }
}

// Appends the continuations as groups of equal length whose rows continue rows of one group. Returns the first packed
// token of each.
std::vector<int64_t> append(const Qwen2_5_VL& model, const std::vector<Sequences::Continuation>& continuations,
                            const std::vector<Place>& rows, Packed& packed) {
  std::map<std::pair<size_t, size_t>, std::vector<size_t>> equal;  // by (group of the row, length)
  for (size_t c = 0; c < continuations.size(); ++c) {
    const auto& [row, ids] = continuations[c];
    if (row < 0 || row >= static_cast<int64_t>(rows.size()))
      fail("ERR_INVALID_ARGUMENT", "Expected continuations of one of ", rows.size(), " rows but received ", row);
    if (ids.empty()) fail("ERR_INVALID_ARGUMENT", "Expected at least one token in continuation ", c);
    if (rows[row].tokens + static_cast<int64_t>(ids.size()) > model.config().max_position_embeddings)
      fail("ERR_CONTEXT_LENGTH", "Expected at most ", model.config().max_position_embeddings,
           " tokens in a sequence but a prompt of ", rows[row].tokens, " goes on for ", ids.size());
    equal[{rows[row].group, ids.size()}].push_back(c);
  }

  std::vector<int64_t> first(continuations.size()), ids;
  std::vector<at::Tensor> position_ids{packed.position_ids};
  int64_t offset = packed.ids.size(0);
  for (const auto& [key, members] : equal) {
    Group group;
    group.tokens = static_cast<int64_t>(key.second);
    group.first_token = packed.batch.groups[key.first].tokens;
    group.offset = offset;
    std::vector<int64_t> shared;
    for (const size_t c : members) {
      first[c] = offset;
      offset += group.tokens;
      group.rows.push_back(static_cast<int64_t>(rows.size() + c));
      shared.push_back(rows[continuations[c].row].row);
      ids.insert(ids.end(), continuations[c].ids.begin(), continuations[c].ids.end());
      const int64_t next = packed.rows[continuations[c].row].next_position;
      position_ids.push_back(at::arange(next, next + group.tokens, at::kLong).expand({3, -1}));
    }
    group.prefix = SharedPrefix{key.first, at::tensor(shared, at::kLong).to(model.device())};
    packed.batch.groups.push_back(std::move(group));
  }
  for (const int64_t id : ids)
    if (id < 0 || id >= model.config().vocab_size)
      fail("ERR_INVALID_ARGUMENT", "Expected token ids from 0 to ", model.config().vocab_size - 1, " but received ",
           id);
  packed.ids = at::cat({packed.ids, at::tensor(ids, at::kLong).to(model.device())});
  packed.position_ids = at::cat(position_ids, 1);
  packed.batch.rotary = model.rotary(packed.position_ids);
  return first;
}

void append(Visuals& all, const std::vector<const Visuals*>& parts) {
  std::vector<at::Tensor> pixels;
  for (const Visuals* part : parts) {
    all.grids.insert(all.grids.end(), part->grids.begin(), part->grids.end());
    if (part->pixel_values.defined()) pixels.push_back(part->pixel_values);
  }
  if (!pixels.empty()) all.pixel_values = pixels.size() == 1 ? pixels[0] : at::cat(pixels);
}

}  // namespace

Inputs joined(const std::vector<Inputs>& parts) {
  Inputs all;
  std::vector<const Visuals*> images, videos;
  for (const auto& part : parts) {
    all.input_ids.insert(all.input_ids.end(), part.input_ids.begin(), part.input_ids.end());
    images.push_back(&part.images);
    videos.push_back(&part.videos);
    // Where a part names no seconds, they are 1 for each of its videos.
    auto seconds = part.second_per_grid_ts;
    seconds.resize(part.videos.grids.size(), 1.0);
    all.second_per_grid_ts.insert(all.second_per_grid_ts.end(), seconds.begin(), seconds.end());
  }
  append(all.images, images);
  append(all.videos, videos);
  return all;
}

PackedSequences pack_sequences(const Qwen2_5_VL& model, const Sequences& sequences) {
  PackedSequences result{model.pack(sequences.inputs), {}, {}};
  const auto& continuations = sequences.continuations;
  const auto rows = places_of(result.packed.batch, sequences.inputs.input_ids.size());
  std::vector<int64_t> first;
  if (!continuations.empty()) first = append(model, continuations, rows, result.packed);

  std::vector<int64_t> predicts, ids;
  for (const auto& [sequence, token] : sequences.targets) {
    const auto& tokens =
        continuations.empty() ? sequences.inputs.input_ids.at(sequence) : continuations.at(sequence).ids;
    if (token < (continuations.empty() ? 1 : 0) || token >= static_cast<int64_t>(tokens.size()))
      fail("ERR_INVALID_ARGUMENT", "Expected a token of a sequence of ", tokens.size(), " but received ", token);
    ids.push_back(tokens[token]);
    if (continuations.empty()) {
      predicts.push_back(rows[sequence].first + token - 1);
    } else if (token == 0) {
      const Place& row = rows[continuations[sequence].row];
      predicts.push_back(row.first + row.tokens - 1);
    } else {
      predicts.push_back(first[sequence] + token - 1);
    }
  }
  if (ids.empty()) fail("ERR_INVALID_ARGUMENT", "Expected at least one token to train on");
  read_only(predicts, result.packed.batch);
  result.predicts = at::tensor(predicts, at::kLong).to(model.device());
  result.ids = at::tensor(ids, at::kLong).to(model.device());
  return result;
}

}  // namespace frankentorch
