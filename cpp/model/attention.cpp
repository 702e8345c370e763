#include "model/attention.h"

#include <cmath>

#include "model/layers.h"

namespace frankentorch {
namespace {

// [rows, kv_heads, tokens, head_dim] -> [rows, kv_heads * times, tokens, head_dim]
at::Tensor repeat_heads(const at::Tensor& x, int64_t times) {
  return times == 1 ? x : x.unsqueeze(2).expand({-1, -1, times, -1, -1}).flatten(1, 2);
}

// 0 where query i (of the last `tokens` positions) may see key j, else -∞. scaled_dot_product_attention's is_causal is
// aligned top-left, so it serves only when there is nothing before the queries.
at::Tensor causal_bias(int64_t tokens, int64_t all, at::TensorOptions options) {
  return at::full({tokens, all}, -INFINITY, options).triu(all - tokens + 1);
}

at::Tensor attention_weights(const at::Tensor& q, const at::Tensor& k, bool causal) {
  at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) * (1.0 / std::sqrt(static_cast<double>(q.size(-1))));
  if (causal && q.size(-2) > 1) scores = scores + causal_bias(q.size(-2), k.size(-2), q.options());
  return at::softmax(scores, -1, accumulation_type(q.scalar_type())).to(q.scalar_type());
}

}  // namespace

at::Tensor full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  // The fused operator has no kernel on the meta device.
  if (q.is_meta()) return at::matmul(attention_weights(q, k, /*causal=*/false), v);
  return at::scaled_dot_product_attention(q, k, v);
}

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Points& at) {
  const int64_t tokens = q.size(2), all = k.size(2), per_kv_head = q.size(1) / k.size(1);
  if (at.watched(".weights") || q.is_meta()) {
    const at::Tensor weights = attention_weights(q, repeat_heads(k, per_kv_head), /*causal=*/true);
    return at::matmul(at(".weights", weights), repeat_heads(v, per_kv_head));
  }
  if (tokens == 1) {
    // The query heads of one kv head take the place of tokens: no copy of keys and values.
    const at::Tensor grouped = q.reshape({q.size(0), k.size(1), per_kv_head, q.size(3)});
    return full_attention(grouped, k, v).reshape(q.sizes());
  }
  const bool nothing_before = all == tokens;
  std::optional<at::Tensor> bias;
  if (!nothing_before) bias = causal_bias(tokens, all, q.options());
  return at::scaled_dot_product_attention(q, repeat_heads(k, per_kv_head), repeat_heads(v, per_kv_head), bias,
                                          /*dropout_p=*/0.0, /*is_causal=*/nothing_before);
}

}  // namespace frankentorch
