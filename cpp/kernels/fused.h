#pragma once

#include <algorithm>
#include <initializer_list>

#include "pch.h"

namespace frankentorch {

// float32 for half types, the dtype itself otherwise: where the reference computes in float32, float64 stays float64.
inline at::ScalarType accumulation_type(at::ScalarType dtype) {
  return dtype == at::kDouble ? at::kDouble : at::kFloat;
}

// Whether a kernel that does the work of several operators in one pass over memory may take these: one that knows
// bfloat16 and float32 on the CPU, rows without gaps, and no gradients.
inline bool can_fuse(std::initializer_list<std::reference_wrapper<const at::Tensor>> tensors) {
  return std::ranges::all_of(tensors, [&](const at::Tensor& x) {
    return x.is_cpu() && (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kFloat) && x.dim() > 0 &&
           x.stride(-1) == 1 && !(at::GradMode::is_enabled() && x.requires_grad());
  });
}

// Rows of that width that are worth a thread.
inline int64_t rows_worth_a_thread(int64_t width) {
  return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, width));
}

inline bool is_float_or_double(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble;
}

// work(0.0) for float64, work(0.0f) for float32.
template <class Work>
auto for_dtype(at::ScalarType dtype, Work work) {
  return dtype == at::kDouble ? work(double{}) : work(float{});
}

// x, or a copy of it, whose rows have no gaps. x: [rows, heads, tokens, width]
inline at::Tensor rows_in_place(const at::Tensor& x) {
  return x.stride(3) == 1 ? x : x.contiguous();
}

}  // namespace frankentorch
