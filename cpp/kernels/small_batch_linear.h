#pragma once

#include "pch.h"

namespace frankentorch {

// y[m, n] = Σₖ x[m, k] · w[n, k] + b[n]: x [rows, in] and w [out, in] bfloat16, sums in float32, y [rows, out]
// bfloat16.
//
// For the few rows of a decoding step: each weight is read once, in the order in which it lies in memory, so one row
// runs at memory bandwidth and up to 64 rows (7 where the processor has AMX, which at::linear uses and this does not)
// at the larger of that and the arithmetic: rows by sixteens as the lanes of vectors, the others in tiles. Needs
// AVX512-BF16; `small_batch_linear` falls back to at::linear where `has_small_batch_linear` is false, and so do inputs
// that require gradients. Figures: bench/linear.
at::Tensor small_batch_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b);

bool has_small_batch_linear(const at::Tensor& x, const at::Tensor& w);

}  // namespace frankentorch
