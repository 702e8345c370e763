#pragma once

#include "pch.h"

namespace frankentorch {

struct AdamWOptions {
  double lr = 0;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  double gradient_scale = 1;  // of clipping
};

// One step of AdamW (arXiv 1711.05101), in place and in one pass over memory:
//   g ← scale · g;  p ← p − lr · decay · p;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²
//   p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
// `step` counts from 1. parameter, m and v: contiguous float32 or float64 of one dtype; the gradient of any.
// `narrow`, where defined, receives the parameter rounded to bfloat16 (mixed precision: the model's own copy).
// On other devices than the CPU it is libtorch's fused operator.
void adamw(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& m, const at::Tensor& v,
           const at::Tensor& narrow, int64_t step, const AdamWOptions& options);

}  // namespace frankentorch
