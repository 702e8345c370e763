#include "kernels/small_batch_linear.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#if defined(__x86_64__)
// GCC 12's own headers leave a vector uninitialised on purpose and warn about it.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#define FRANKENTORCH_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif

namespace frankentorch {
namespace {

constexpr int64_t kMostRows = 64;

#if defined(__x86_64__)

constexpr int kTileRows = 4;     // of x
constexpr int kTileOutputs = 6;  // rows of w: 4 × 6 sums, 4 vectors of x and 1 of w fill 29 of 32 registers
constexpr int kTileSums = 32;    // room for them, in vectors of 16
constexpr int64_t kLane = 32;    // bfloat16 numbers in a vector
// Elements of one pass, at most: 6 rows of w and 4 of x this long fit in the first-level cache, where those of w stay
// while all rows of x go by (at 37 rows 412 GFLOP/s of a peak of 466; with 2048 elements 400).
constexpr int64_t kDepth = 1408;
constexpr int64_t kMostPackedRows = 24;

struct Matrix {
  const uint16_t* data;
  int64_t stride;
};

// x as tiles read it. The tiles are as few and as even as can be: one with a single row would wait for its own sums.
// A few rows are packed in the order in which they are read, [row tile][depth / 32][4][32], with zeros for missing rows
// and at the end of the depth (16 rows 2048 long: 1.3 × as fast); more are read where they lie (37 rows: 1.05 ×).
class TiledRows {
 public:
  TiledRows(const uint16_t* x, int64_t rows, int64_t depth)
      : tiles_((rows + kTileRows - 1) / kTileRows), rows_(rows), depth_(depth), values_(x) {
    if (rows > kMostPackedRows) return;
    lanes_ = (depth + kLane - 1) / kLane;
    packed_ = at::zeros({tiles_ * lanes_ * kTileRows * kLane}, at::kBFloat16);  // ATen aligns memory to 64 bytes
    auto* values = static_cast<uint16_t*>(packed_.mutable_data_ptr());
    for (int64_t tile = 0; tile < tiles_; ++tile)
      for (int64_t m = 0; m < height(tile); ++m)
        for (int64_t k = 0; k < depth; k += kLane)
          std::copy_n(x + (first_row(tile) + m) * depth + k, std::min(kLane, depth - k),
                      values + ((tile * lanes_ + k / kLane) * kTileRows + m) * kLane);
    values_ = values;
  }
  int64_t tiles() const { return tiles_; }
  int64_t first_row(int64_t tile) const { return tile * (rows_ / tiles_) + std::min(tile, rows_ % tiles_); }
  int64_t height(int64_t tile) const { return first_row(tile + 1) - first_row(tile); }
  // The rows of a tile from element k on; what follows an element 32 numbers on is `step` × 32 numbers on.
  Matrix at(int64_t tile, int64_t k) const {
    return lanes_ ? Matrix{values_ + (tile * lanes_ + k / kLane) * kTileRows * kLane, kLane}
                  : Matrix{values_ + first_row(tile) * depth_ + k, depth_};
  }
  int64_t step() const { return lanes_ ? kTileRows : 1; }

 private:
  int64_t tiles_, rows_, depth_, lanes_ = 0;
  const uint16_t* values_;
  at::Tensor packed_;
};

// Of the two vectors, the sums of their halves.
FRANKENTORCH_AVX512_BF16 inline __m512 halved(__m512 a, __m512 b) {
  return _mm512_shuffle_f32x4(a, b, 0x88) + _mm512_shuffle_f32x4(a, b, 0xDD);
}

// The sums of each 4 of the lanes of 4 vectors: the first 128 bits hold the vectors' sums of their first quarter.
FRANKENTORCH_AVX512_BF16 inline __m512 quarters(const __m512* v) {
  const __m512d ab = _mm512_castps_pd(_mm512_unpacklo_ps(v[0], v[1]) + _mm512_unpackhi_ps(v[0], v[1]));
  const __m512d cd = _mm512_castps_pd(_mm512_unpacklo_ps(v[2], v[3]) + _mm512_unpackhi_ps(v[2], v[3]));
  return _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)) + _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
}

// sums[m · Outputs + n] += Σₖ x[m, k] · w[n, k] over `depth` elements. Meanwhile the first `Ahead` rows of `next` are
// fetched: while all rows of x pass over one block of w, the memory bus would idle. The lanes of 16 sums are added
// together, half by half: 15 additions and 30 shuffles do what takes each sum alone four of both.
template <int Rows, int Outputs, int Ahead>
FRANKENTORCH_AVX512_BF16 void add_tile(Matrix x, int64_t x_step, Matrix w, int64_t depth, Matrix next, float* sums) {
  constexpr int kFours = (Rows * Outputs + 3) / 4;
  __m512 total[kFours * 4];  // of row m and output n at m · Outputs + n
#pragma GCC unroll 24
  for (auto& sum : total) sum = _mm512_setzero_ps();

  auto step = [&](int64_t k, __mmask32 mask) FRANKENTORCH_AVX512_BF16 {
    __m512bh of_x[Rows];
#pragma GCC unroll 8
    for (int m = 0; m < Rows; ++m)
      of_x[m] = (__m512bh)_mm512_maskz_loadu_epi16(mask, x.data + k * x_step + m * x.stride);
#pragma GCC unroll 8
    for (int n = 0; n < Ahead; ++n)
      _mm_prefetch(reinterpret_cast<const char*>(next.data + n * next.stride + k), _MM_HINT_T1);
#pragma GCC unroll 8
    for (int n = 0; n < Outputs; ++n) {
      const auto of_w = (__m512bh)_mm512_maskz_loadu_epi16(mask, w.data + n * w.stride + k);
#pragma GCC unroll 8
      for (int m = 0; m < Rows; ++m) total[m * Outputs + n] = _mm512_dpbf16_ps(total[m * Outputs + n], of_x[m], of_w);
    }
  };
  int64_t k = 0;
  for (; k + kLane <= depth; k += kLane) step(k, 0xFFFFFFFFu);
  if (k < depth) step(k, (1u << (depth - k)) - 1);

  __m512 fours[(kFours + 3) / 4 * 4];
#pragma GCC unroll 8
  for (int i = 0; i < (kFours + 3) / 4 * 4; ++i) fours[i] = i < kFours ? quarters(total + 4 * i) : _mm512_setzero_ps();
#pragma GCC unroll 2
  for (int i = 0; i < kFours; i += 4) {
    const __m512 first = halved(fours[i], fours[i + 1]);
    const __m512 second = i + 2 < kFours ? halved(fours[i + 2], fours[i + 3]) : first;
    _mm512_store_ps(sums + 4 * i, _mm512_load_ps(sums + 4 * i) + halved(first, second));
  }
}

// y[m, n] = sums[m · outputs + n] + bias[m · outputs + n], rounded, of a tile; rows of y are `stride` apart.
FRANKENTORCH_AVX512_BF16 void write_tile(const float* sums, const float* bias, int64_t rows, int64_t outputs,
                                         uint16_t* y, int64_t stride) {
  alignas(64) uint16_t rounded[kTileSums];
  for (int i = 0; i < kTileSums; i += 16)
    _mm256_store_si256(reinterpret_cast<__m256i*>(rounded + i),
                       (__m256i)_mm512_cvtneps_pbh(_mm512_load_ps(sums + i) + _mm512_load_ps(bias + i)));
  for (int64_t m = 0; m < rows; ++m)
    if (outputs == kTileOutputs)
      std::memcpy(y + m * stride, rounded + m * kTileOutputs, sizeof(uint16_t) * kTileOutputs);  // two moves
    else
      std::copy_n(rounded + m * outputs, outputs, y + m * stride);
}

using Tile = void (*)(Matrix, int64_t, Matrix, int64_t, Matrix, float*);

template <int Ahead, int... Index>
constexpr std::array<Tile, kTileRows * kTileOutputs> tiles_of(std::integer_sequence<int, Index...>) {
  return {add_tile<Index / kTileOutputs + 1, Index % kTileOutputs + 1, Ahead>...};
}

// Indexed by (rows - 1, outputs - 1).
template <int Ahead>
constexpr auto kTiles = tiles_of<Ahead>(std::make_integer_sequence<int, kTileRows * kTileOutputs>{});

const Tile* tiles_fetching(int64_t ahead) {
  switch (ahead) {
    case 0:
      return kTiles<0>.data();
    case 1:
      return kTiles<1>.data();
    case 2:
      return kTiles<2>.data();
    case 3:
      return kTiles<3>.data();
    default:
      return kTiles<6>.data();
  }
}

// Of `outputs` rows of w, the sums of each tile of x; `following` is the block of w that comes after these rows.
void add_outputs(const TiledRows& x, Matrix w, int64_t outputs, int64_t depth, const uint16_t* following, float* sums) {
  const int64_t chunks = (depth + kDepth - 1) / kDepth;
  const int64_t chunk = ((depth + chunks - 1) / chunks + kLane - 1) / kLane * kLane;
  const int64_t passes = x.tiles();
  const int64_t ahead = (kTileOutputs + passes - 1) / passes;  // rows of the next block to fetch in each pass
  for (int64_t k = 0; k < depth; k += chunk) {
    const uint16_t* next = k + chunk < depth ? w.data + k + chunk : following;
    for (int64_t pass = 0; pass < passes; ++pass) {
      const bool fetch = next && pass * ahead < outputs && outputs == kTileOutputs;
      const Tile tile = tiles_fetching(fetch ? ahead : 0)[(x.height(pass) - 1) * kTileOutputs + outputs - 1];
      tile(x.at(pass, k), x.step(), {w.data + k, w.stride}, std::min(chunk, depth - k),
           {next + pass * ahead * w.stride, w.stride}, sums + pass * kTileSums);
    }
  }
}

// With AMX at::linear is the faster from 8 rows on (bench/linear on a Sapphire Rapids: 0.5 × its speed at 16 rows, 1.6
// × at 4).
int64_t most_rows() {
  static const int64_t most = __builtin_cpu_supports("amx-bf16") ? 7 : kMostRows;
  return most;
}

bool cpu_has_avx512_bf16() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
  return has;
}

#else

int64_t most_rows() {
  return 0;
}

bool cpu_has_avx512_bf16() {
  return false;
}

#endif

}  // namespace

bool has_small_batch_linear(const at::Tensor& x, const at::Tensor& w) {
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && w.scalar_type() == at::kBFloat16 && x.dim() == 2 &&
         x.size(0) <= most_rows() && w.dim() == 2 && w.stride(1) == 1 &&
         !(at::GradMode::is_enabled() && (x.requires_grad() || w.requires_grad())) && cpu_has_avx512_bf16();
}

at::Tensor small_batch_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b) {
  if (!has_small_batch_linear(x, w)) return at::linear(x, w, b);
#if defined(__x86_64__)
  TORCH_CHECK(x.size(1) == w.size(1), "Expected inputs of width ", w.size(1), " but received ", x.size(1));
  const at::Tensor rows = x.contiguous();
  const int64_t count = rows.size(0), depth = rows.size(1), outputs = w.size(0);
  at::Tensor y = at::empty({count, outputs}, x.options());
  const TiledRows tiled(static_cast<const uint16_t*>(rows.const_data_ptr()), count, depth);
  const Matrix of_w{static_cast<const uint16_t*>(w.const_data_ptr()), w.stride(0)};
  auto* out = static_cast<uint16_t*>(y.mutable_data_ptr());
  const at::Tensor bias = b.has_value() && b->defined() ? b->to(at::kFloat).contiguous() : at::Tensor();
  const float* bias_data = bias.defined() ? bias.const_data_ptr<float>() : nullptr;

  const int64_t blocks = (outputs + kTileOutputs - 1) / kTileOutputs;
  const int64_t grain = std::max<int64_t>(
      1, 32768 / (count * depth * kTileOutputs));  // below it a second thread costs more than it gives
  at::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    alignas(64) float sums[kMostRows / kTileRows * kTileSums], bias_of_tile[kTileSums] = {};
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kTileOutputs, some = std::min<int64_t>(kTileOutputs, outputs - first);
      const uint16_t* at = of_w.data + first * of_w.stride;
      const bool whole_next = block + 1 < end && first + 2 * kTileOutputs <= outputs;
      std::fill_n(sums, tiled.tiles() * kTileSums, 0.0f);
      add_outputs(tiled, {at, of_w.stride}, some, depth, whole_next ? at + kTileOutputs * of_w.stride : nullptr, sums);
      if (bias_data)
        for (int m = 0; m < kTileRows; ++m) std::copy_n(bias_data + first, some, bias_of_tile + m * some);
      for (int64_t tile = 0; tile < tiled.tiles(); ++tile)
        write_tile(sums + tile * kTileSums, bias_of_tile, tiled.height(tile), some,
                   out + tiled.first_row(tile) * outputs + first, outputs);
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
