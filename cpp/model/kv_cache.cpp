#include "model/kv_cache.h"

#include <algorithm>

namespace frankentorch {
namespace {

void make_room(at::Tensor& buffer, const at::Tensor& like, int64_t used, int64_t capacity) {
  at::Tensor larger = at::empty({like.size(0), like.size(1), capacity, like.size(3)}, like.options());
  if (used > 0) larger.narrow(2, 0, used).copy_(buffer.narrow(2, 0, used));
  buffer = larger;
}

}  // namespace

std::pair<at::Tensor, at::Tensor> KvCache::append(int64_t index, const at::Tensor& k, const at::Tensor& v) {
  Layer& layer = layers_[index];
  const int64_t total = layer.tokens + k.size(2);
  if (!layer.k.defined() || total > layer.k.size(2)) {
    const int64_t capacity = layer.k.defined() ? total + total / 2 : std::max(total, capacity_);
    make_room(layer.k, k, layer.tokens, capacity);
    make_room(layer.v, v, layer.tokens, capacity);
  }
  layer.k.narrow(2, layer.tokens, k.size(2)).copy_(k);
  layer.v.narrow(2, layer.tokens, v.size(2)).copy_(v);
  layer.tokens = total;
  return {layer.k.narrow(2, 0, total), layer.v.narrow(2, 0, total)};
}

void KvCache::keep(const std::vector<int64_t>& rows) {
  for (auto& layer : layers_) {
    if (!layer.k.defined()) continue;
    const at::Tensor index = at::tensor(rows, at::kLong).to(layer.k.device());
    layer.k = layer.k.index_select(0, index);
    layer.v = layer.v.index_select(0, index);
  }
}

}  // namespace frankentorch
