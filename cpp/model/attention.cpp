#include "model/attention.h"

#include <cmath>

#include "model/layers.h"

namespace frankentorch {
namespace {

// [rows, kv_heads, tokens, head_dim] -> [rows, kv_heads * times, tokens, head_dim]
at::Tensor repeat_heads(const at::Tensor& x, int64_t times) {
  return times == 1 ? x : x.unsqueeze(2).expand({-1, -1, times, -1, -1}).flatten(1, 2);
}

// True where query i (of the last `tokens` positions) may see key j. scaled_dot_product_attention's is_causal is
// aligned top-left, so it serves only when there is nothing before the queries.
at::Tensor causal_mask(int64_t tokens, int64_t all, at::Device device) {
  return at::ones({tokens, all}, at::dtype(at::kBool).device(device)).tril(all - tokens);
}

at::Tensor eager_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Points& at) {
  at::Tensor scores = at::matmul(q, k.transpose(2, 3)) * (1.0 / std::sqrt(static_cast<double>(q.size(3))));
  if (q.size(2) > 1)
    scores = scores.masked_fill(causal_mask(q.size(2), k.size(2), q.device()).logical_not(), -INFINITY);
  const at::Tensor weights = at::softmax(scores, -1, accumulation_type(q.scalar_type())).to(q.scalar_type());
  return at::matmul(at(".weights", weights), v);
}

}  // namespace

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Points& at) {
  const int64_t tokens = q.size(2), all = k.size(2), per_kv_head = q.size(1) / k.size(1);
  if (at.watched(".weights")) return eager_attention(q, repeat_heads(k, per_kv_head), repeat_heads(v, per_kv_head), at);
  if (tokens == 1) {
    // The query heads of one kv head take the place of tokens: no copy of keys and values.
    const at::Tensor grouped = q.reshape({q.size(0), k.size(1), per_kv_head, q.size(3)});
    return at::scaled_dot_product_attention(grouped, k, v).reshape(q.sizes());
  }
  const bool nothing_before = all == tokens;
  return at::scaled_dot_product_attention(q, repeat_heads(k, per_kv_head), repeat_heads(v, per_kv_head),
                                          nothing_before ? at::Tensor() : causal_mask(tokens, all, q.device()),
                                          /*dropout_p=*/0.0, /*is_causal=*/nothing_before);
}

}  // namespace frankentorch
