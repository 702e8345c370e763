#include "kernels/tiled_rows.h"

#if defined(__x86_64__)
#include <ATen/Parallel.h>

#include <array>
#include <cstring>
#include <utility>

namespace frankentorch {
namespace {

constexpr int kTileRows = TiledRows::kTileRows, kTileSums = TiledRows::kTileSums;
constexpr int64_t kLane = 32;  // bfloat16 numbers in a vector
constexpr __mmask32 kAllLanes = 0xFFFFFFFFu;

// By how many elements the rows of w miss a boundary of vectors: a load across two lines of the cache counts twice.
// Weights mapped from a file begin anywhere.
int64_t elements_past_boundary(Matrix w) {
  const auto bytes = static_cast<int64_t>(reinterpret_cast<uintptr_t>(w.data) % 64);
  return w.stride % kLane == 0 && bytes % 2 == 0 ? bytes / 2 : 0;
}

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

}  // namespace

TiledRows::TiledRows(const uint16_t* x, int64_t rows, int64_t depth, Matrix w)
    : tiles_((rows + kTileRows - 1) / kTileRows),
      rows_each_(rows / tiles_),
      rows_left_(rows % tiles_),
      depth_(depth),
      past_boundary_(elements_past_boundary(w)),
      stride_((past_boundary_ + depth + 4 * kLane - 1) / (4 * kLane) * (4 * kLane) + 4 * kLane),
      copy_(at::empty({rows * stride_}, at::kBFloat16)) {  // ATen aligns memory to 64 bytes
  auto* values = static_cast<uint16_t*>(copy_.mutable_data_ptr());
  at::parallel_for(0, rows, std::max<int64_t>(1, 65536 / depth), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      std::copy_n(x + row * depth, depth, values + row * stride_ + past_boundary_);
  });
  values_ = values;
}

void TiledRows::add(int64_t k, int64_t end, Matrix w, int64_t outputs, const uint16_t* next, float* sums) const {
  // From here on k and end count from the boundary before the first element; what lies between is masked out.
  if (end == depth_) end += past_boundary_;
  const uint16_t* rows = w.data - past_boundary_ + k;
  const __mmask32 head = k == 0 ? kAllLanes << past_boundary_ : kAllLanes;
  const int64_t ahead = (kTileOutputs + tiles_ - 1) / tiles_;  // rows to fetch with each tile
  for (int64_t tile = 0; tile < tiles_; ++tile) {
    const bool fetch = next && tile * ahead < outputs && outputs == kTileOutputs;
    const Tile add = tiles_fetching(fetch ? ahead : 0)[(height(tile) - 1) * kTileOutputs + outputs - 1];
    add(at(tile, k), {rows, w.stride}, end - k, head, {next - past_boundary_ + tile * ahead * w.stride, w.stride},
        sums + tile * kTileSums);
  }
}

void TiledRows::write(const float* sums, const BlockOut& out) const {
  alignas(64) float bias[kTileSums] = {};
  if (out.bias)
    for (int m = 0; m < kTileRows; ++m) std::copy_n(out.bias, out.outputs, bias + m * out.outputs);
  for (int64_t tile = 0; tile < tiles_; ++tile)
    write_tile(sums + tile * kTileSums, bias, height(tile), out.outputs, out.y + first_row(tile) * out.stride,
               out.stride);
}

}  // namespace frankentorch
#endif
