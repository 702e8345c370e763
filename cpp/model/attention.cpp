#include "model/attention.h"

#include <cmath>

#include "kernels/block_attention.h"
#include "kernels/causal_attention.h"
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

struct Partial {
  at::Tensor out;  // [..., heads, tokens, head_dim]
  at::Tensor sum;  // [..., heads, tokens]: log of the sum of the exponentials that the softmax divided by
};

Partial partial_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const at::ScalarType wide = accumulation_type(q.scalar_type());
  const at::Tensor scores =
      at::matmul(q.to(wide), k.to(wide).transpose(-2, -1)) * (1.0 / std::sqrt(static_cast<double>(q.size(-1))));
  const at::Tensor sum = scores.logsumexp(-1);
  return {at::matmul((scores - sum.unsqueeze(-1)).exp(), v.to(wide)), sum};
}

// One new token of every row over blocks that some of the rows share: a block is read once, whatever the number of its
// rows, and what the blocks of a row give is weighed by the sums of their exponentials (online softmax, arXiv
// 1805.02867). q: [rows, heads, 1, head_dim] -> like q
at::Tensor attention_over_blocks(const at::Tensor& q, const KeysValues& all) {
  if (BlockAttention::serves(q)) {
    BlockAttention attention(q.squeeze(2));
    for (const auto& block : all.blocks) attention.add(block.k, block.v, block.first_row, block.rows, block.copies);
    return attention.result().unsqueeze(2);
  }
  const at::TensorOptions wide = q.options().dtype(accumulation_type(q.scalar_type()));
  const int64_t heads = q.size(1), width = q.size(3);
  at::Tensor mixed = at::zeros({all.rows, heads, width}, wide), sums = at::full({all.rows, heads}, -INFINITY, wide);
  for (const auto& block : all.blocks) {
    const int64_t distinct = block.k.size(0), kv_heads = block.k.size(1);
    const int64_t each = block.rows / distinct, per_kv_head = heads / kv_heads;
    // Rows that share keys, and query heads that share a kv head, take the place of tokens.
    const at::Tensor grouped = q.narrow(0, block.first_row, block.rows)
                                   .reshape({distinct, each, kv_heads, per_kv_head, width})
                                   .transpose(1, 2)
                                   .reshape({distinct, kv_heads, each * per_kv_head, width});
    const Partial part = partial_attention(grouped, block.k, block.v);
    const at::Tensor out = part.out.to(wide)
                               .reshape({distinct, kv_heads, each, per_kv_head, width})
                               .transpose(1, 2)
                               .reshape({block.rows, heads, width});
    at::Tensor sum =
        part.sum.to(wide).reshape({distinct, kv_heads, each, per_kv_head}).transpose(1, 2).reshape({block.rows, heads});
    if (block.copies != 1) sum = sum + std::log(static_cast<double>(block.copies));

    at::Tensor mixed_here = mixed.narrow(0, block.first_row, block.rows);
    at::Tensor sums_here = sums.narrow(0, block.first_row, block.rows);
    const at::Tensor total = at::logaddexp(sums_here, sum);
    mixed_here.mul_((sums_here - total).exp_().unsqueeze(-1)).add_(out * (sum - total).exp_().unsqueeze(-1));
    sums_here.copy_(total);
  }
  return mixed.to(q.scalar_type()).unsqueeze(2);
}

}  // namespace

at::Tensor full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  // The fused operator has no kernel on the meta device.
  if (q.is_meta()) return at::matmul(attention_weights(q, k, /*causal=*/false), v);
  return at::scaled_dot_product_attention(q, k, v);
}

at::Tensor causal_attention(const at::Tensor& q, const KeysValues& all, const Points& at) {
  const bool weights_are_seen = at.watched(".weights") || q.is_meta();
  if (q.size(2) == 1 && all.blocks.size() > 1 && !weights_are_seen) return attention_over_blocks(q, all);

  const auto [k, v] = all.joined();
  const int64_t tokens = q.size(2), count = k.size(2), per_kv_head = q.size(1) / k.size(1);
  if (weights_are_seen) {
    const at::Tensor weights = attention_weights(q, repeat_heads(k, per_kv_head), /*causal=*/true);
    return at::matmul(at(".weights", weights), repeat_heads(v, per_kv_head));
  }
  if (tokens == 1) {
    // The query heads of one kv head take the place of tokens: no copy of keys and values.
    const at::Tensor grouped = q.reshape({q.size(0), k.size(1), per_kv_head, q.size(3)});
    return full_attention(grouped, k, v).reshape(q.sizes());
  }
  if (has_causal_attention(q, k, v)) return causal_attention_with_gradients(q, k, v);
  const bool nothing_before = count == tokens;
  std::optional<at::Tensor> bias;
  if (!nothing_before) bias = causal_bias(tokens, count, q.options());
  return at::scaled_dot_product_attention(q, repeat_heads(k, per_kv_head), repeat_heads(v, per_kv_head), bias,
                                          /*dropout_p=*/0.0, /*is_causal=*/nothing_before);
}

}  // namespace frankentorch
