#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

// Kernels that read tensors of any floating-point dtype block by block: a block is widened where the first-level cache
// keeps it, and what is computed of it is written once for float and double.
namespace frankentorch::blocks {

constexpr int64_t kElements = 2048;  // of a block: three of float32 and their two differences take 40 KiB

// out[i] = element begin + i of a contiguous CPU tensor, i < count. Every dtype but float64 fits into a float exactly.
void widen(const at::Tensor& tensor, int64_t begin, int64_t count, float* out);
void widen(const at::Tensor& tensor, int64_t begin, int64_t count, double* out);

// Σ aᵢ bᵢ and Σ aᵢ²: a product of two floats is exact in a double.
double dot(const float* a, const float* b, int64_t count);
double dot(const double* a, const double* b, int64_t count);
double squares(const float* a, int64_t count);
double squares(const double* a, int64_t count);

}  // namespace frankentorch::blocks
