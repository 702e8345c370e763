#pragma once

#include "pch.h"

namespace frankentorch {

// x / sqrt(mean(x²) + eps) · weight over the last axis (arXiv 1910.07467). The quotient is computed in at least float32
// and rounded to x's dtype before it is multiplied by the weight, as in the reference.
//
// bfloat16 and float32 on the CPU take one pass over memory where ATen's operators take eight; inputs that
// require gradients have a kernel of their own; everything else is left to those. Figures: bench/elementwise.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace frankentorch
