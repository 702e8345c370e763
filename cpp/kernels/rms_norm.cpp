#include "kernels/rms_norm.h"

#include <cmath>

#include "kernels/bfloat16.h"
#include "kernels/clones.h"
#include "kernels/fused.h"
#include "kernels/with_gradients.h"

namespace frankentorch {
namespace {

FRANKENTORCH_CLONES float sum_of_squares_bfloat16(const uint16_t* x, int64_t width) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) sum += widened(x[i]) * widened(x[i]);
  return sum;
}

FRANKENTORCH_CLONES float sum_of_squares_float(const float* x, int64_t width) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) sum += x[i] * x[i];
  return sum;
}

FRANKENTORCH_CLONES void scale_bfloat16(const uint16_t* x, const uint16_t* weight, float scale, int64_t width,
                                        uint16_t* y) {
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) y[i] = rounded(widened(weight[i]) * widened(rounded(widened(x[i]) * scale)));
}

FRANKENTORCH_CLONES void scale_float(const float* x, const float* weight, float scale, int64_t width, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) y[i] = weight[i] * (x[i] * scale);
}

void norm_row(const uint16_t* x, const uint16_t* weight, float eps, int64_t width, uint16_t* y) {
  scale_bfloat16(x, weight, 1 / std::sqrt(sum_of_squares_bfloat16(x, width) / static_cast<float>(width) + eps), width,
                 y);
}

void norm_row(const float* x, const float* weight, float eps, int64_t width, float* y) {
  scale_float(x, weight, 1 / std::sqrt(sum_of_squares_float(x, width) / static_cast<float>(width) + eps), width, y);
}

template <class Number>
at::Tensor fused(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const int64_t width = x.size(-1), rows = width == 0 ? 0 : x.numel() / width;
  at::Tensor y = at::empty(x.sizes(), x.options());
  const auto* from = static_cast<const Number*>(x.const_data_ptr());
  const auto* by = static_cast<const Number*>(weight.const_data_ptr());
  auto* to = static_cast<Number*>(y.mutable_data_ptr());
  at::parallel_for(0, rows, rows_worth_a_thread(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      norm_row(from + row * width, by, static_cast<float>(eps), width, to + row * width);
  });
  return y;
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const bool alike = weight.scalar_type() == x.scalar_type() && weight.dim() == 1 && weight.size(0) == x.size(-1);
  if (can_fuse({x, weight}) && alike && x.is_contiguous())
    return x.scalar_type() == at::kFloat ? fused<float>(x, weight, eps) : fused<uint16_t>(x, weight, eps);
  if (alike && can_fuse_gradient(x, weight)) return rms_norm_with_gradient(x, weight, eps);
  const at::Tensor wide = x.to(accumulation_type(x.scalar_type()));
  const at::Tensor scale = wide.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
  return weight * wide.mul(scale).to(x.scalar_type());
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("rms_norm(Tensor x, Tensor weight, float eps) -> Tensor", &rms_norm);
}

}  // namespace frankentorch
