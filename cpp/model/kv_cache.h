#pragma once

#include <utility>
#include <vector>

#include "pch.h"

namespace frankentorch {

// Keys (after rotary) and values that consecutive rows of a group attend to, [distinct, kv_heads, tokens, head_dim]:
// each of the distinct ones serves as many of these rows, one after another.
struct KvBlock {
  at::Tensor k, v;
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t copies = 1;  // so often does every key count
};

// What the rows of a group attend to in one layer. The new tokens are the last of the last block, which is of all rows.
struct KeysValues {
  std::vector<KvBlock> blocks;
  int64_t rows = 0;

  // Keys and values of their own for every row: [rows, kv_heads, tokens, head_dim].
  static KeysValues of_rows(at::Tensor k, at::Tensor v);

  // The blocks of each row one after another: [rows, kv_heads, all tokens, head_dim], a copy unless there is one block.
  std::pair<at::Tensor, at::Tensor> joined() const;
};

// Part of a cache whose keys and values may belong to several rows, so that a prefix is held, and read, once.
struct SharedPart {
  at::Tensor k, v;              // [distinct, kv_heads, tokens, head_dim]
  std::vector<int64_t> of_row;  // which of them each row attends to; -1: none
  int64_t copies = 1;
  bool recurs = false;  // counts once more with every token the rows append

  // Keeps these rows, in this order, and of the keys and values those that a row still attends to.
  void keep(const std::vector<int64_t>& rows);
};

// Keys and values of a group of rows, layer by layer: parts that rows share, and what each row appended itself, in
// buffers that grow with it.
class KvCache {
 public:
  // `capacity`: tokens expected in all, prompt included.
  KvCache(int64_t num_layers, int64_t capacity) : layers_(num_layers), capacity_(capacity) {}

  // k, v: [rows, kv_heads, tokens, head_dim]; returns everything cached so far in that layer.
  KeysValues append(int64_t layer, const at::Tensor& k, const at::Tensor& v);

  // Keeps only these rows, in this order.
  void keep(const std::vector<int64_t>& rows);

  // Every row becomes `times` rows that share what is cached. `capacity`: tokens expected after that.
  void fork(int64_t times, int64_t capacity);

  // Shared parts stand before what is appended, in the order in which they are given.
  void share(int64_t layer, SharedPart part) { layers_[layer].shared.push_back(std::move(part)); }

  bool holds(int64_t layer) const { return layers_[layer].k.defined(); }

  // What was appended in this layer: [rows, kv_heads, tokens, head_dim].
  std::pair<at::Tensor, at::Tensor> appended(int64_t layer) const;

 private:
  struct Layer {
    std::vector<SharedPart> shared;
    at::Tensor k, v;  // [rows, kv_heads, capacity, head_dim]
    int64_t tokens = 0;
  };
  std::vector<Layer> layers_;
  int64_t capacity_;
};

}  // namespace frankentorch
