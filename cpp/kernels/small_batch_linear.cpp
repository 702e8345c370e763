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
// Elements of one pass, at most: 6 rows of w this long stay near while all rows of x go by, and the sums of lanes,
// which every pass ends with, are few.
constexpr int64_t kDepth = 2112;

constexpr __mmask32 kAllLanes = 0xFFFFFFFFu;

struct Matrix {
  const uint16_t* data;
  int64_t stride;
};

// By how many elements the rows of w miss a boundary of vectors: a load across two lines of the cache counts twice.
// Weights mapped from a file begin anywhere.
int64_t elements_past_boundary(Matrix w) {
  const auto bytes = static_cast<int64_t>(reinterpret_cast<uintptr_t>(w.data) % 64);
  return w.stride % kLane == 0 && bytes % 2 == 0 ? bytes / 2 : 0;
}

// A copy of x whose rows miss the boundaries as those of w do, so that all loads but the first and the last are whole
// lines: with 37 rows 2048 long 1.06–1.1 × as fast as x read where it lies when w misses them, as nearly all weights of
// a mapped checkpoint do, and 0.95 × when it does not. The rows are a multiple of four lines apart and not of 4 KB, the
// stride at which they would displace each other from the first-level cache. They are dealt to tiles, as few and as
// even as can be: one with a single row would wait for its own sums.
class TiledRows {
 public:
  TiledRows(const uint16_t* x, int64_t rows, int64_t depth, int64_t past_boundary)
      : tiles_((rows + kTileRows - 1) / kTileRows),
        rows_(rows),
        stride_((past_boundary + depth + 4 * kLane - 1) / (4 * kLane) * (4 * kLane) + 4 * kLane),
        copy_(at::empty({rows * stride_}, at::kBFloat16)) {  // ATen aligns memory to 64 bytes
    auto* values = static_cast<uint16_t*>(copy_.mutable_data_ptr());
    at::parallel_for(0, rows, std::max<int64_t>(1, 65536 / depth), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        std::copy_n(x + row * depth, depth, values + row * stride_ + past_boundary);
    });
    values_ = values;
  }
  int64_t tiles() const { return tiles_; }
  int64_t first_row(int64_t tile) const { return tile * (rows_ / tiles_) + std::min(tile, rows_ % tiles_); }
  int64_t height(int64_t tile) const { return first_row(tile + 1) - first_row(tile); }
  // The rows of a tile from the k-th element after the boundary on.
  Matrix at(int64_t tile, int64_t k) const { return {values_ + first_row(tile) * stride_ + k, stride_}; }

 private:
  int64_t tiles_, rows_, stride_;
  at::Tensor copy_;
  const uint16_t* values_;
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

// sums[m · Outputs + n] += Σₖ x[m, k] · w[n, k] over `depth` elements, of the first 32 those in `head`. Meanwhile the
// first `Ahead` rows of `next` are fetched: while all rows of x pass over one block of w, the memory bus would idle.
// The lanes of 16 sums are added together, half by half: 15 additions and 30 shuffles do what takes each sum alone four
// of both.
template <int Rows, int Outputs, int Ahead>
FRANKENTORCH_AVX512_BF16 void add_tile(Matrix x, Matrix w, int64_t depth, __mmask32 head, Matrix next, float* sums) {
  constexpr int kFours = (Rows * Outputs + 3) / 4;
  __m512 total[kFours * 4];  // of row m and output n at m · Outputs + n
#pragma GCC unroll 24
  for (auto& sum : total) sum = _mm512_setzero_ps();

  // Called three times, and still no function of its own: the sums must stay in registers.
  auto step = [&](int64_t k, __mmask32 mask) FRANKENTORCH_AVX512_BF16 __attribute__((always_inline)) {
    __m512bh of_x[Rows];
#pragma GCC unroll 8
    for (int m = 0; m < Rows; ++m) of_x[m] = (__m512bh)_mm512_maskz_loadu_epi16(mask, x.data + m * x.stride + k);
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
  const auto tail = [&](int64_t k) { return depth - k < kLane ? (__mmask32{1} << (depth - k)) - 1 : kAllLanes; };
  int64_t k = 0;
  if (head != kAllLanes) {
    step(0, head & tail(0));
    k = kLane;
  }
  for (; k + kLane <= depth; k += kLane) step(k, kAllLanes);
  if (k < depth) step(k, tail(k));

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

using Tile = void (*)(Matrix, Matrix, int64_t, __mmask32, Matrix, float*);

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

// Of `outputs` rows of w, the sums of each tile of x; `following` is the block of w that comes after these rows. w
// begins, and `following` too, at the boundary before the first of `depth` elements, `past_boundary` before it.
void add_outputs(const TiledRows& x, Matrix w, int64_t outputs, int64_t depth, int64_t past_boundary,
                 const uint16_t* following, float* sums) {
  const int64_t whole = past_boundary + depth, chunks = (whole + kDepth - 1) / kDepth;
  const int64_t chunk = ((whole + chunks - 1) / chunks + kLane - 1) / kLane * kLane;
  const int64_t passes = x.tiles();
  const int64_t ahead = (kTileOutputs + passes - 1) / passes;  // rows of the next block to fetch in each pass
  for (int64_t k = 0; k < whole; k += chunk) {
    const uint16_t* next = k + chunk < whole ? w.data + k + chunk : following;
    const __mmask32 head = k == 0 ? kAllLanes << past_boundary : kAllLanes;
    for (int64_t pass = 0; pass < passes; ++pass) {
      const bool fetch = next && pass * ahead < outputs && outputs == kTileOutputs;
      const Tile tile = tiles_fetching(fetch ? ahead : 0)[(x.height(pass) - 1) * kTileOutputs + outputs - 1];
      tile(x.at(pass, k), {w.data + k, w.stride}, std::min(chunk, whole - k), head,
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
         x.size(0) <= most_rows() && x.numel() > 0 && w.dim() == 2 && w.numel() > 0 && w.stride(1) == 1 &&
         !(at::GradMode::is_enabled() && (x.requires_grad() || w.requires_grad())) && cpu_has_avx512_bf16();
}

at::Tensor small_batch_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b) {
  if (!has_small_batch_linear(x, w)) return at::linear(x, w, b);
#if defined(__x86_64__)
  TORCH_CHECK(x.size(1) == w.size(1), "Expected inputs of width ", w.size(1), " but received ", x.size(1));
  const at::Tensor rows = x.contiguous();
  const int64_t count = rows.size(0), depth = rows.size(1), outputs = w.size(0);
  at::Tensor y = at::empty({count, outputs}, x.options());
  Matrix of_w{static_cast<const uint16_t*>(w.const_data_ptr()), w.stride(0)};
  const int64_t past_boundary = elements_past_boundary(of_w);
  of_w.data -= past_boundary;  // masked out where they are loaded
  const TiledRows tiled(static_cast<const uint16_t*>(rows.const_data_ptr()), count, depth, past_boundary);
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
      add_outputs(tiled, {at, of_w.stride}, some, depth, past_boundary,
                  whole_next ? at + kTileOutputs * of_w.stride : nullptr, sums);
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
