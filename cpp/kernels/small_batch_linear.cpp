#include "kernels/small_batch_linear.h"

#include <algorithm>
#include <array>
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
constexpr int64_t kDepth =
    2048;  // elements of one pass: 6 rows of w this long stay in the first-level cache while all rows of x go by
constexpr int64_t kLane = 32;  // bfloat16 numbers in a vector

struct Matrix {
  const uint16_t* data;
  int64_t stride;
};

// x in the order in which tiles read it: [row tile][depth / 32][4][32], missing rows and the end of the depth zero. The
// tiles are as few and as even as can be: one with a single row would wait for its own sums.
class PackedRows {
 public:
  PackedRows(const uint16_t* x, int64_t rows, int64_t depth)
      : tiles_((rows + kTileRows - 1) / kTileRows),
        rows_(rows),
        lanes_((depth + kLane - 1) / kLane),
        buffer_(at::zeros({tiles_ * lanes_ * kTileRows * kLane}, at::kBFloat16)),
        values_(static_cast<uint16_t*>(buffer_.mutable_data_ptr())) {
    for (int64_t tile = 0; tile < tiles_; ++tile)
      for (int64_t m = 0; m < height(tile); ++m)
        for (int64_t k = 0; k < depth; k += kLane)
          std::copy_n(x + (first_row(tile) + m) * depth + k, std::min(kLane, depth - k),
                      values_ + ((tile * lanes_ + k / kLane) * kTileRows + m) * kLane);
  }
  int64_t tiles() const { return tiles_; }
  int64_t first_row(int64_t tile) const { return tile * (rows_ / tiles_) + std::min(tile, rows_ % tiles_); }
  int64_t height(int64_t tile) const { return first_row(tile + 1) - first_row(tile); }
  const uint16_t* at(int64_t tile, int64_t k) const {
    return values_ + (tile * lanes_ + k / kLane) * kTileRows * kLane;
  }

 private:
  int64_t tiles_, rows_, lanes_;
  at::Tensor buffer_;  // ATen's memory is aligned to 64 bytes
  uint16_t* values_;
};

// Of the two vectors, the sums of their halves.
FRANKENTORCH_AVX512_BF16 inline __m512 halved(__m512 a, __m512 b) {
  return _mm512_shuffle_f32x4(a, b, 0x88) + _mm512_shuffle_f32x4(a, b, 0xDD);
}

// The sums of the 16 lanes of each of 16 vectors, in their order: halves are added pair by pair, so 15 additions and 30
// shuffles do what takes each vector alone four of both.
FRANKENTORCH_AVX512_BF16 inline __m512 sums_of_lanes(const __m512 (&of)[16]) {
  __m512 quads[4];  // each 128 bits: four vectors' sums of a quarter of their lanes
#pragma GCC unroll 4
  for (int q = 0; q < 4; ++q) {
    const __m512* v = of + 4 * q;
    const __m512d ab = _mm512_castps_pd(_mm512_unpacklo_ps(v[0], v[1]) + _mm512_unpackhi_ps(v[0], v[1]));
    const __m512d cd = _mm512_castps_pd(_mm512_unpacklo_ps(v[2], v[3]) + _mm512_unpackhi_ps(v[2], v[3]));
    quads[q] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)) + _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
  }
  return halved(halved(quads[0], quads[1]), halved(quads[2], quads[3]));
}

// sums[m][n] += Σₖ x[m, k] · w[n, k] over `depth` elements. Meanwhile the first `Ahead` rows of `next` are fetched:
// while all rows of x pass over one block of w, the memory bus would idle.
template <int Rows, int Outputs, int Ahead>
FRANKENTORCH_AVX512_BF16 void add_tile(const uint16_t* x, Matrix w, int64_t depth, Matrix next, float* sums) {
  constexpr int kRounds = (Rows * Outputs + 15) / 16;
  __m512 total[kRounds][16];  // of row m and output n at m · Outputs + n
#pragma GCC unroll 2
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) total[round][i] = _mm512_setzero_ps();

  auto step = [&](int64_t k, __mmask32 mask) FRANKENTORCH_AVX512_BF16 {
    __m512bh of_x[Rows];
#pragma GCC unroll 8
    for (int m = 0; m < Rows; ++m) of_x[m] = (__m512bh)_mm512_loadu_si512(x + k * kTileRows + m * kLane);
#pragma GCC unroll 8
    for (int n = 0; n < Ahead; ++n)
      _mm_prefetch(reinterpret_cast<const char*>(next.data + n * next.stride + k), _MM_HINT_T1);
#pragma GCC unroll 8
    for (int n = 0; n < Outputs; ++n) {
      const auto of_w = (__m512bh)_mm512_maskz_loadu_epi16(mask, w.data + n * w.stride + k);
#pragma GCC unroll 8
      for (int m = 0; m < Rows; ++m) {
        __m512& sum = total[(m * Outputs + n) / 16][(m * Outputs + n) % 16];
        sum = _mm512_dpbf16_ps(sum, of_x[m], of_w);
      }
    }
  };
  int64_t k = 0;
  for (; k + kLane <= depth; k += kLane) step(k, 0xFFFFFFFFu);
  if (k < depth) step(k, (1u << (depth - k)) - 1);

  alignas(64) float lanes[kRounds * 16];
#pragma GCC unroll 2
  for (int round = 0; round < kRounds; ++round) _mm512_store_ps(lanes + round * 16, sums_of_lanes(total[round]));
  for (int m = 0; m < Rows; ++m)
    for (int n = 0; n < Outputs; ++n) sums[m * kTileOutputs + n] += lanes[m * Outputs + n];
}

using Tile = void (*)(const uint16_t*, Matrix, int64_t, Matrix, float*);

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

// sums[rows][kTileOutputs] of `outputs` rows of w; `following` is the block of w that comes after these rows.
void add_outputs(const PackedRows& x, Matrix w, int64_t outputs, int64_t depth, const uint16_t* following,
                 float* sums) {
  const int64_t passes = x.tiles();
  const int64_t ahead = (kTileOutputs + passes - 1) / passes;  // rows of the next block to fetch in each pass
  for (int64_t k = 0; k < depth; k += kDepth) {
    const uint16_t* next = k + kDepth < depth ? w.data + k + kDepth : following;
    for (int64_t pass = 0; pass < passes; ++pass) {
      const bool fetch = next && pass * ahead < outputs && outputs == kTileOutputs;
      const Tile tile = tiles_fetching(fetch ? ahead : 0)[(x.height(pass) - 1) * kTileOutputs + outputs - 1];
      tile(x.at(pass, k), {w.data + k, w.stride}, std::min(kDepth, depth - k),
           {next + pass * ahead * w.stride, w.stride}, sums + x.first_row(pass) * kTileOutputs);
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
  const PackedRows packed(static_cast<const uint16_t*>(rows.const_data_ptr()), count, depth);
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
      const uint16_t* at = of_w.data + first * of_w.stride;
      const bool whole_next = tile + 1 < end && first + 2 * kTileOutputs <= outputs;
      std::fill_n(sums, count * kTileOutputs, 0.0f);
      add_outputs(packed, {at, of_w.stride}, some, depth, whole_next ? at + kTileOutputs * of_w.stride : nullptr, sums);
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
