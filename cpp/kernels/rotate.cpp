#include "kernels/rotate.h"

#include "kernels/bfloat16.h"
#include "kernels/clones.h"
#include "kernels/fused.h"
#include "kernels/with_gradients.h"

namespace frankentorch {
namespace {

// One head: x, y of 2 · half numbers.
FRANKENTORCH_CLONES void rotate_bfloat16(const uint16_t* x, const uint16_t* cos, const uint16_t* sin, int64_t half,
                                         uint16_t* y) {
  auto product = [](uint16_t a, uint16_t b) { return widened(rounded(widened(a) * widened(b))); };
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const int64_t j = i + half;
    y[i] = rounded(product(x[i], cos[i]) - product(x[j], sin[i]));
    y[j] = rounded(product(x[j], cos[j]) + product(x[i], sin[j]));
  }
}

FRANKENTORCH_CLONES void rotate_bfloat16_in_float(const uint16_t* x, const float* cos, const float* sin, int64_t half,
                                                  uint16_t* y) {
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const int64_t j = i + half;
    const float first = widened(x[i]), second = widened(x[j]);
    y[i] = rounded(first * cos[i] - second * sin[i]);
    y[j] = rounded(second * cos[j] + first * sin[j]);
  }
}

FRANKENTORCH_CLONES void rotate_float(const float* x, const float* cos, const float* sin, int64_t half, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const int64_t j = i + half;
    y[i] = x[i] * cos[i] - x[j] * sin[i];
    y[j] = x[j] * cos[j] + x[i] * sin[j];
  }
}

template <class Number, class Angle, class RotateHead>
at::Tensor fused(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, RotateHead rotate_head) {
  const int64_t tokens = x.size(0), heads = x.size(1), width = x.size(2);
  at::Tensor y = at::empty(x.sizes(), x.options());
  const auto* from = static_cast<const Number*>(x.const_data_ptr());
  const auto* of_cos = static_cast<const Angle*>(cos.const_data_ptr());
  const auto* of_sin = static_cast<const Angle*>(sin.const_data_ptr());
  auto* to = static_cast<Number*>(y.mutable_data_ptr());
  at::parallel_for(0, tokens, rows_worth_a_thread(heads * width), [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token)
      for (int64_t head = 0; head < heads; ++head)
        rotate_head(from + token * x.stride(0) + head * x.stride(1), of_cos + token * width, of_sin + token * width,
                    width / 2, to + (token * heads + head) * width);
  });
  return y;
}

}  // namespace

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const bool fits = x.dim() == 3 && cos.dim() == 3 && cos.size(0) == x.size(0) && cos.size(1) == 1 &&
                    cos.size(2) == x.size(2) && cos.sizes() == sin.sizes() && x.size(2) % 2 == 0 &&
                    cos.scalar_type() == sin.scalar_type() && cos.is_contiguous() && sin.is_contiguous();
  if (fits && can_fuse_gradient(x, cos)) return rotate_with_gradient(x, cos, sin);
  if (fits && can_fuse({x, cos, sin})) {
    if (x.scalar_type() == at::kFloat && cos.scalar_type() == at::kFloat)
      return fused<float, float>(x, cos, sin, rotate_float);
    if (x.scalar_type() == at::kBFloat16 && cos.scalar_type() == at::kFloat)
      return fused<uint16_t, float>(x, cos, sin, rotate_bfloat16_in_float);
    if (x.scalar_type() == at::kBFloat16 && cos.scalar_type() == at::kBFloat16)
      return fused<uint16_t, uint16_t>(x, cos, sin, rotate_bfloat16);
  }
  const at::Tensor wide = x.to(at::promote_types(x.scalar_type(), cos.scalar_type()));
  const auto halves = wide.chunk(2, -1);
  return (wide * cos + at::cat({-halves[1], halves[0]}, -1) * sin).to(x.scalar_type());
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("rotate(Tensor x, Tensor cos, Tensor sin) -> Tensor", &rotate);
}

}  // namespace frankentorch
