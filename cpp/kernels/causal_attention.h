#pragma once

#include "pch.h"

namespace frankentorch {

// softmax(q kᵀ / √width + mask) v, where query i, of the last positions, sees the keys up to its own; each kv head
// serves heads / kv_heads query heads. float32 and float64 on the CPU with gradients; what is kept for them is the
// logarithm of each softmax's divisor (arXiv 2205.14135, §3.1). q: [rows, heads, tokens, width], k, v: [rows, kv_heads,
// keys, width], keys ≥ tokens -> like q
bool has_causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
at::Tensor causal_attention_with_gradients(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace frankentorch
