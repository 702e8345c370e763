#pragma once

#include "pch.h"

namespace frankentorch {

// silu(gate) · up, silu(x) = x / (1 + exp(−x)), rounded to the dtype before the product as the reference does (arXiv
// 2002.05202). Of equal shapes.
//
// bfloat16 and float32 on the CPU take one pass over memory instead of two; inputs that require gradients have a kernel
// of their own; everything else is left to ATen's operators. Figures: bench/elementwise.
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

}  // namespace frankentorch
