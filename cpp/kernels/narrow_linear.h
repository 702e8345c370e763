#pragma once

#include "pch.h"

namespace frankentorch {

// y = x Wᵀ + b where W stays in a core's cache: float32 and float64 on the CPU, with gradients and without. There the
// blocks that a BLAS copies its operands into cost as much as the products. x: [rows, in], w: [out, in], b: [out]
bool has_narrow_linear(const at::Tensor& x, const at::Tensor& w);
at::Tensor narrow_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b);

}  // namespace frankentorch
