#include "model/kv_cache.h"

#include <algorithm>

namespace frankentorch {
namespace {

// More is not set aside in advance: replies of a few hundred tokens are the rule where thousands are allowed.
constexpr int64_t kMostRoomAhead = 256;

at::Tensor with_room(const at::Tensor& used, int64_t capacity) {
  at::Tensor larger = at::empty({used.size(0), used.size(1), capacity, used.size(3)}, used.options());
  larger.narrow(2, 0, used.size(2)).copy_(used);
  return larger;
}

// Throws when no buffer of that many tokens could ever be had: better now than when the replies have grown so long. The
// system gives its pages only when they are written; a device's allocator would take them.
void require_room(const at::Tensor& k, int64_t capacity) {
  if (k.is_cpu()) at::empty({k.size(0), k.size(1), capacity, k.size(3)}, k.options());
}

at::Tensor take(const at::Tensor& x, const std::vector<int64_t>& rows) {
  return x.index_select(0, at::tensor(rows, at::kLong).to(x.device()));
}

// Stretches of rows that one slice of the part's keys serves: every key of the slice as many rows as the others.
std::vector<KvBlock> blocks_of(const SharedPart& part, int64_t copies) {
  struct Run {
    int64_t first_row, rows, first_key, keys;
  };
  std::vector<Run> runs;
  const auto count = static_cast<int64_t>(part.of_row.size());
  for (int64_t row = 0; row < count;) {
    const int64_t key = part.of_row[row];
    int64_t end = row + 1;
    while (end < count && part.of_row[end] == key) ++end;
    if (key >= 0) {
      Run* last = runs.empty() ? nullptr : &runs.back();
      const bool goes_on = last && last->first_row + last->rows == row && last->first_key + last->keys == key &&
                           last->rows / last->keys == end - row;
      if (goes_on) {
        last->rows += end - row;
        ++last->keys;
      } else {
        runs.push_back({row, end - row, key, 1});
      }
    }
    row = end;
  }
  std::vector<KvBlock> blocks;
  for (const auto& run : runs)
    blocks.push_back({part.k.narrow(0, run.first_key, run.keys), part.v.narrow(0, run.first_key, run.keys),
                      run.first_row, run.rows, copies});
  return blocks;
}

}  // namespace

KeysValues KeysValues::of_rows(at::Tensor k, at::Tensor v) {
  const int64_t rows = k.size(0);
  return {{{std::move(k), std::move(v), 0, rows}}, rows};
}

std::pair<at::Tensor, at::Tensor> KeysValues::joined() const {
  if (blocks.size() == 1 && blocks[0].k.size(0) == rows && blocks[0].copies == 1) return {blocks[0].k, blocks[0].v};
  // Between two of these places every row has the same blocks.
  std::vector<int64_t> places{0, rows};
  for (const auto& block : blocks) {
    places.push_back(block.first_row);
    places.push_back(block.first_row + block.rows);
  }
  std::ranges::sort(places);
  std::vector<at::Tensor> k, v;
  for (size_t i = 0; i + 1 < places.size(); ++i) {
    const int64_t first = places[i], count = places[i + 1] - first;
    if (count == 0) continue;
    std::vector<at::Tensor> row_k, row_v;
    for (const auto& block : blocks) {
      if (first < block.first_row || first >= block.first_row + block.rows) continue;
      const int64_t each = block.rows / block.k.size(0);
      auto of_rows = [&](const at::Tensor& x) {
        return x.unsqueeze(1).expand({-1, each, -1, -1, -1}).flatten(0, 1).narrow(0, first - block.first_row, count);
      };
      row_k.insert(row_k.end(), block.copies, of_rows(block.k));
      row_v.insert(row_v.end(), block.copies, of_rows(block.v));
    }
    k.push_back(at::cat(row_k, 2));
    v.push_back(at::cat(row_v, 2));
  }
  return {at::cat(k), at::cat(v)};
}

void SharedPart::keep(const std::vector<int64_t>& rows) {
  std::vector<int64_t> kept;
  for (const int64_t row : rows) kept.push_back(of_row[row]);
  of_row = std::move(kept);

  std::vector<int64_t> place(k.size(0), -1), used;
  for (const int64_t key : of_row)
    if (key >= 0) place[key] = 0;
  for (size_t key = 0; key < place.size(); ++key) {
    if (place[key] < 0) continue;
    place[key] = static_cast<int64_t>(used.size());
    used.push_back(static_cast<int64_t>(key));
  }
  if (used.size() == place.size()) return;
  for (int64_t& key : of_row)
    if (key >= 0) key = place[key];
  k = take(k, used);
  v = take(v, used);
}

KeysValues KvCache::append(int64_t index, const at::Tensor& k, const at::Tensor& v) {
  Layer& layer = layers_[index];
  const int64_t total = layer.tokens + k.size(2);
  if (!layer.k.defined()) {
    const int64_t capacity = std::max(total, std::min(capacity_, total + kMostRoomAhead));
    if (index == 0) require_room(k, capacity_);
    layer.k = at::empty({k.size(0), k.size(1), capacity, k.size(3)}, k.options());
    layer.v = at::empty({v.size(0), v.size(1), capacity, v.size(3)}, v.options());
  } else if (total > layer.k.size(2)) {
    layer.k = with_room(layer.k.narrow(2, 0, layer.tokens), total + total / 2);
    layer.v = with_room(layer.v.narrow(2, 0, layer.tokens), total + total / 2);
  }
  layer.k.narrow(2, layer.tokens, k.size(2)).copy_(k);
  layer.v.narrow(2, layer.tokens, v.size(2)).copy_(v);
  layer.tokens = total;

  KeysValues all;
  all.rows = k.size(0);
  for (const auto& part : layer.shared) {
    const int64_t copies = part.copies + (part.recurs ? total : 0);
    if (copies == 0) continue;
    for (auto& block : blocks_of(part, copies)) all.blocks.push_back(std::move(block));
  }
  const auto [own_k, own_v] = appended(index);
  all.blocks.push_back({own_k, own_v, 0, all.rows});
  return all;
}

std::pair<at::Tensor, at::Tensor> KvCache::appended(int64_t index) const {
  const Layer& layer = layers_[index];
  return {layer.k.narrow(2, 0, layer.tokens), layer.v.narrow(2, 0, layer.tokens)};
}

void KvCache::keep(const std::vector<int64_t>& rows) {
  for (auto& layer : layers_) {
    for (auto& part : layer.shared) part.keep(rows);
    if (!layer.k.defined()) continue;
    const int64_t capacity = layer.k.size(2);
    layer.k = with_room(take(layer.k.narrow(2, 0, layer.tokens), rows), capacity);
    layer.v = with_room(take(layer.v.narrow(2, 0, layer.tokens), rows), capacity);
  }
}

void KvCache::fork(int64_t times, int64_t capacity) {
  capacity_ = capacity;
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    for (auto& part : layer.shared) {
      std::vector<int64_t> of_row;
      for (const int64_t key : part.of_row) of_row.insert(of_row.end(), times, key);
      part.of_row = std::move(of_row);
    }
    if (!layer.k.defined()) continue;  // a layer that every row skips
    SharedPart own;
    std::tie(own.k, own.v) = appended(static_cast<int64_t>(i));
    for (int64_t row = 0; row < own.k.size(0); ++row) own.of_row.insert(own.of_row.end(), times, row);
    layer.shared.push_back(std::move(own));
    layer.k = layer.v = at::Tensor();
    layer.tokens = 0;
  }
}

}  // namespace frankentorch
