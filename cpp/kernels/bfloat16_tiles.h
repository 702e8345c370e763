#pragma once

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__)
// GCC 12's own headers leave a vector uninitialised on purpose and warn about it.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#define FRANKENTORCH_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

#include "pch.h"

// y = x Wᵀ of few rows of x in bfloat16, a block of kTileOutputs rows of W after the other. Sums are floats.
namespace frankentorch {

constexpr int kTileOutputs = 6;  // rows of W in a block

struct Matrix {
  const uint16_t* data;
  int64_t stride;
};

// Where the sums of some rows of x and the rows of one block of W go, rounded: y[row · stride + output].
struct BlockOut {
  uint16_t* y;
  int64_t stride, outputs;
  const float* bias;  // [outputs], or null
};

}  // namespace frankentorch
#endif
