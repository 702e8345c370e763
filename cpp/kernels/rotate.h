#pragma once

#include "pch.h"

namespace frankentorch {

// Rotates pairs (i, i + head_dim / 2) of each head: x · cos + (−second half, first half) · sin (arXiv 2104.09864). x:
// [tokens, heads, head_dim]; cos, sin: [tokens, 1, head_dim]. Computed in the wider dtype of x and the angles, each
// operation rounded to it, and returned in x's.
//
// bfloat16 by bfloat16 or float32 angles, and float32, take one pass over memory on the CPU instead of seven;
// inputs that require gradients have a kernel of their own; everything else is left to ATen's operators. Figures:
// bench/elementwise.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

}  // namespace frankentorch
