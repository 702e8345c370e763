#pragma once

#include <utility>
#include <vector>

#include "pch.h"

namespace frankentorch {

// Keys (after rotary) and values of a group of rows, layer by layer, in buffers with room for the tokens to come.
class KvCache {
 public:
  // `capacity`: tokens expected in all, prompt included; the buffers grow when more arrive.
  KvCache(int64_t num_layers, int64_t capacity) : layers_(num_layers), capacity_(capacity) {}

  // k, v: [rows, kv_heads, tokens, head_dim]; returns everything cached so far in that layer, in the same layout.
  std::pair<at::Tensor, at::Tensor> append(int64_t layer, const at::Tensor& k, const at::Tensor& v);

  // Keeps only these rows, in this order.
  void keep(const std::vector<int64_t>& rows);

 private:
  struct Layer {
    at::Tensor k, v;  // [rows, kv_heads, capacity, head_dim]
    int64_t tokens = 0;
  };
  std::vector<Layer> layers_;
  int64_t capacity_;
};

}  // namespace frankentorch
