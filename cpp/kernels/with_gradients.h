#pragma once

#include "pch.h"

namespace frankentorch {

// The elementwise parts of a layer with their gradients, each one pass forward and one back where the composition of
// operators takes five to ten: a third of the step of a small model. For float32 and float64 on the CPU; their
// gradients cannot be differentiated once more.

// Whether these take the place of the operators: gradients are recorded for one of the tensors, and they have the dtype
// and device for it.
bool can_fuse_gradient(const at::Tensor& x, const at::Tensor& other);

// x / sqrt(mean(x²) + eps) · weight over the last axis
at::Tensor rms_norm_with_gradient(const at::Tensor& x, const at::Tensor& weight, double eps);

// gate · sigmoid(gate) · up
at::Tensor swiglu_with_gradient(const at::Tensor& gate, const at::Tensor& up);

// As `rotate` has it. x: [tokens, heads, head_dim]; cos, sin: [tokens, 1, head_dim], contiguous constants of the same
// dtype.
at::Tensor rotate_with_gradient(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

}  // namespace frankentorch
