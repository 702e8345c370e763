#pragma once

#include "pch.h"

namespace frankentorch {

// Attention of one query for each row over blocks of keys and values that some of the rows share:
// y[r, h] = Σⱼ softmaxⱼ(q[r, h] · k[j] / √width) · v[j], j over the keys of all blocks of row r.
//
// A block is read once for every 64 of its queries, whatever the number of its rows, and what the blocks of a row give
// is weighed by the sums of their exponentials as they come (online softmax, arXiv 1805.02867). On the CPU without
// gradients, bfloat16, float32 and float64; sums are in float32, or float64 for that. ATen's fused operator takes one
// block at a time, and mixing what it gives costs a dozen operators for each.
class BlockAttention {
 public:
  static bool serves(const at::Tensor& q);

  explicit BlockAttention(const at::Tensor& q);  // [rows, heads, width]

  // k, v: [distinct, kv_heads, tokens, width]; each of the distinct ones serves as many of the `rows` rows from
  // `first_row` on, one after another, and each of its keys counts `copies` times.
  void add(const at::Tensor& k, const at::Tensor& v, int64_t first_row, int64_t rows, int64_t copies);

  at::Tensor result() const;  // like q

 private:
  at::Tensor q_;
  at::Tensor mixed_;           // [rows, heads, width]: Σ exp(score − largest) · v
  at::Tensor largest_, sums_;  // [rows, heads]: the largest score, Σ exp(score − largest)
};

}  // namespace frankentorch
