#pragma once

#include "hooks/points.h"
#include "model/kv_cache.h"
#include "pch.h"

namespace frankentorch {

// softmax(q kᵀ / √head_dim) v without a mask. q, k, v: [..., heads, tokens, head_dim].
at::Tensor full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// Causal attention of one group. q: [rows, heads, tokens, head_dim], of the last tokens of `all`. Each kv head serves
// heads / kv_heads query heads (grouped-query attention, arXiv 2305.13245). -> like q. A single new token may attend to
// everything, so then `all` may hold any number of tokens. When someone watches `.weights`, the probabilities [rows,
// heads, tokens, all tokens] are made and pass that point.
at::Tensor causal_attention(const at::Tensor& q, const KeysValues& all, const Points& at);

}  // namespace frankentorch
