#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace frankentorch {

// What a chain of checkpoints of one parameter says about its updates, each byte read once. W₀ … Wₙ are contiguous,
// of equal shape and of any floating-point dtypes; Δᵢ = Wᵢ₊₁ − Wᵢ in float32 (float64 where one of them is), sums in
// float64. Equal elements have Δ = 0, two NaNs or two equal infinities too.
//
// Returns, as float64 [n + 1 + 4 n + n (n − 1) / 2]: Σ Wᵢ² of each checkpoint; Σ Δᵢ², max |Δᵢ|, the number of unchanged
// elements and Σ |Δᵢ| of each update; Σ Δᵢ Δⱼ of each pair i < j, row by row. And int64 [n, 64]: how many elements have
// 2^(b−48) ≤ |Δᵢ| < 2^(b−47) in bin b = 0 … 63, smaller and larger ones in the first and last; unchanged ones in none.
std::tuple<at::Tensor, at::Tensor> update_statistics(const std::vector<at::Tensor>& chain);

// Σ aᵢ bᵢ in float64 of two float tensors of equal size, as a float64 scalar.
at::Tensor inner_product(const at::Tensor& a, const at::Tensor& b);

}  // namespace frankentorch
