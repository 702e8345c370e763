#include "kernels/blocks.h"

#include <algorithm>
#include <bit>

#include "kernels/bfloat16.h"
#include "kernels/clones.h"
#include "pch.h"

namespace frankentorch::blocks {
namespace {

FRANKENTORCH_CLONES void widen_bfloat16(const uint16_t* in, int64_t count, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) out[i] = widened(in[i]);
}

// The exponent is rebased by a product, which also normalises subnormal numbers.
FRANKENTORCH_CLONES void widen_half(const uint16_t* in, int64_t count, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t magnitude = in[i] & 0x7fffu, sign = static_cast<uint32_t>(in[i] & 0x8000u) << 16;
    const float finite = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
    const uint32_t bits = std::bit_cast<uint32_t>(finite);
    out[i] = std::bit_cast<float>((magnitude >= 0x7c00u ? bits | 0x7f800000u : bits) | sign);
  }
}

template <class Real>
void widen_to(const at::Tensor& tensor, int64_t begin, int64_t count, Real* out) {
  const void* data = static_cast<const uint8_t*>(tensor.const_data_ptr()) + begin * tensor.element_size();
  if constexpr (std::is_same_v<Real, float>) {
    const auto* bits = static_cast<const uint16_t*>(data);
    if (tensor.scalar_type() == at::kBFloat16) return widen_bfloat16(bits, count, out);
    if (tensor.scalar_type() == at::kHalf) return widen_half(bits, count, out);
  }
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, tensor.scalar_type(), "widen", [&] {
    const auto* numbers = static_cast<const scalar_t*>(data);
    std::transform(numbers, numbers + count, out, [](scalar_t number) { return static_cast<Real>(number); });
  });
}

template <class Real>
[[gnu::always_inline]] inline double dot_of(const Real* a, const Real* b, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

void widen(const at::Tensor& tensor, int64_t begin, int64_t count, float* out) {
  widen_to(tensor, begin, count, out);
}
void widen(const at::Tensor& tensor, int64_t begin, int64_t count, double* out) {
  widen_to(tensor, begin, count, out);
}

// GCC clones no templates. Squares apart: half the loads and conversions.
FRANKENTORCH_CLONES double dot(const float* a, const float* b, int64_t count) {
  return dot_of(a, b, count);
}
FRANKENTORCH_CLONES double dot(const double* a, const double* b, int64_t count) {
  return dot_of(a, b, count);
}
FRANKENTORCH_CLONES double squares(const float* a, int64_t count) {
  return dot_of(a, a, count);
}
FRANKENTORCH_CLONES double squares(const double* a, int64_t count) {
  return dot_of(a, a, count);
}

}  // namespace frankentorch::blocks
