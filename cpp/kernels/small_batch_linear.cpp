#include "kernels/small_batch_linear.h"

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#define FRANKENTORCH_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif

namespace frankentorch {
namespace {

constexpr int64_t kMostRows = 64;

#if defined(__x86_64__)

constexpr int kTileRows = 4;     // of x
constexpr int kTileOutputs = 6;  // rows of w; 4 × 6 sums, 4 of x and 1 of w fill 29 of 32 registers
constexpr int64_t kDepth =
    3072;  // of one pass: 6 rows of w of this depth stay in the first-level cache while all rows of x go by

struct Matrix {
  const uint16_t* data;
  int64_t stride;
};

// sums[m][n] += Σₖ x[m, k] · w[n, k] over `depth` elements.
template <int Rows, int Outputs>
FRANKENTORCH_AVX512_BF16 void add_tile(Matrix x, Matrix w, int64_t depth, float* sums) {
  __m512 total[Rows][Outputs];
#pragma GCC unroll 8
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 8
    for (int n = 0; n < Outputs; ++n) total[m][n] = _mm512_setzero_ps();

  auto step = [&](int64_t k, __mmask32 mask) FRANKENTORCH_AVX512_BF16 {
    __m512bh of_x[Rows];
#pragma GCC unroll 8
    for (int m = 0; m < Rows; ++m) of_x[m] = (__m512bh)_mm512_maskz_loadu_epi16(mask, x.data + m * x.stride + k);
#pragma GCC unroll 8
    for (int n = 0; n < Outputs; ++n) {
      const auto of_w = (__m512bh)_mm512_maskz_loadu_epi16(mask, w.data + n * w.stride + k);
#pragma GCC unroll 8
      for (int m = 0; m < Rows; ++m) total[m][n] = _mm512_dpbf16_ps(total[m][n], of_x[m], of_w);
    }
  };
  int64_t k = 0;
  for (; k + 32 <= depth; k += 32) step(k, 0xFFFFFFFFu);
  if (k < depth) step(k, (1u << (depth - k)) - 1);

#pragma GCC unroll 8
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 8
    for (int n = 0; n < Outputs; ++n) sums[m * kTileOutputs + n] += _mm512_reduce_add_ps(total[m][n]);
}

using Tile = void (*)(Matrix, Matrix, int64_t, float*);

template <int Rows>
constexpr Tile kTiles[kTileOutputs] = {add_tile<Rows, 1>, add_tile<Rows, 2>, add_tile<Rows, 3>,
                                       add_tile<Rows, 4>, add_tile<Rows, 5>, add_tile<Rows, 6>};
constexpr const Tile* kTilesByRows[kTileRows] = {kTiles<1>, kTiles<2>, kTiles<3>, kTiles<4>};

// sums[rows][kTileOutputs] of `outputs` rows of w
void add_outputs(Matrix x, int64_t rows, Matrix w, int64_t outputs, int64_t depth, float* sums) {
  for (int64_t k = 0; k < depth; k += kDepth)
    for (int64_t m = 0; m < rows; m += kTileRows) {
      const int64_t some = std::min<int64_t>(kTileRows, rows - m);
      kTilesByRows[some - 1][outputs - 1]({x.data + m * x.stride + k, x.stride}, {w.data + k, w.stride},
                                          std::min(kDepth, depth - k), sums + m * kTileOutputs);
    }
}

bool cpu_has_avx512_bf16() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
  return has;
}

#else

bool cpu_has_avx512_bf16() {
  return false;
}

#endif

}  // namespace

bool has_small_batch_linear(const at::Tensor& x, const at::Tensor& w) {
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && w.scalar_type() == at::kBFloat16 && x.dim() == 2 &&
         x.size(0) <= kMostRows && w.dim() == 2 && w.stride(1) == 1 &&
         !(at::GradMode::is_enabled() && (x.requires_grad() || w.requires_grad())) && cpu_has_avx512_bf16();
}

at::Tensor small_batch_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b) {
  if (!has_small_batch_linear(x, w)) return at::linear(x, w, b);
#if defined(__x86_64__)
  TORCH_CHECK(x.size(1) == w.size(1), "Expected inputs of width ", w.size(1), " but received ", x.size(1));
  const at::Tensor rows = x.contiguous();
  const int64_t count = rows.size(0), depth = rows.size(1), outputs = w.size(0);
  at::Tensor y = at::empty({count, outputs}, x.options());
  const Matrix of_x{static_cast<const uint16_t*>(rows.const_data_ptr()), depth};
  const Matrix of_w{static_cast<const uint16_t*>(w.const_data_ptr()), w.stride(0)};
  auto* out = y.mutable_data_ptr<at::BFloat16>();
  const at::Tensor bias = b.has_value() && b->defined() ? b->to(at::kFloat).contiguous() : at::Tensor();
  const float* bias_data = bias.defined() ? bias.const_data_ptr<float>() : nullptr;

  const int64_t tiles = (outputs + kTileOutputs - 1) / kTileOutputs;
  const int64_t grain = std::max<int64_t>(
      1, 32768 / (count * depth * kTileOutputs));  // below it a second thread costs more than it gives
  at::parallel_for(0, tiles, grain, [&](int64_t begin, int64_t end) {
    float sums[kMostRows * kTileOutputs];
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t first = tile * kTileOutputs, some = std::min<int64_t>(kTileOutputs, outputs - first);
      std::fill_n(sums, count * kTileOutputs, 0.0f);
      add_outputs(of_x, count, {of_w.data + first * of_w.stride, of_w.stride}, some, depth, sums);
      for (int64_t m = 0; m < count; ++m)
        for (int64_t n = 0; n < some; ++n)
          out[m * outputs + first + n] = sums[m * kTileOutputs + n] + (bias_data ? bias_data[first + n] : 0.0f);
    }
  });
  return y;
#else
  return at::linear(x, w, b);
#endif
}

TORCH_LIBRARY(frankentorch, library) {
  library.def("small_batch_linear(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor", &small_batch_linear);
}

}  // namespace frankentorch
