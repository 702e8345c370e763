#include "kernels/lane_rows.h"

#if defined(__x86_64__)
#include <ATen/Parallel.h>

#include <array>
#include <cstring>
#include <utility>

namespace frankentorch {
namespace {

constexpr int64_t kLine = 16;  // pairs of elements of W in a line of the cache

// sums[n, v] += Σₖ w[n, k] · x[v, k] over pairs of elements, and `next` is fetched where there is one.
template <int Vectors, int Outputs, bool Fetch>
FRANKENTORCH_AVX512_BF16 void multiply_tile(const uint16_t* x, Matrix w, int64_t pairs, const uint16_t* next,
                                            float* sums) {
  __m512 total[Outputs][Vectors];
#pragma GCC unroll 8
  for (auto& of_output : total)
#pragma GCC unroll 4
    for (auto& sum : of_output) sum = _mm512_setzero_ps();

  for (int64_t line = 0; line < pairs; line += kLine) {
    if constexpr (Fetch)
#pragma GCC unroll 8
      for (int n = 0; n < Outputs; ++n)
        _mm_prefetch(reinterpret_cast<const char*>(next + n * w.stride + 2 * line), _MM_HINT_T1);
    const int64_t end = std::min(line + kLine, pairs);
    for (int64_t k = line; k < end; ++k) {
      __m512bh of_x[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) of_x[v] = (__m512bh)_mm512_load_si512(x + (k * Vectors + v) * 32);
#pragma GCC unroll 8
      for (int n = 0; n < Outputs; ++n) {
        int pair;
        std::memcpy(&pair, w.data + n * w.stride + 2 * k, sizeof(pair));
        const auto of_w = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) total[n][v] = _mm512_dpbf16_ps(total[n][v], of_w, of_x[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < Outputs; ++n)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      float* into = sums + (n * Vectors + v) * LaneRows::kLanes;
      _mm512_store_ps(into, _mm512_load_ps(into) + total[n][v]);
    }
}

using Tile = void (*)(const uint16_t*, Matrix, int64_t, const uint16_t*, float*);

template <bool Fetch, int... Index>
constexpr std::array<Tile, sizeof...(Index)> tiles_of(std::integer_sequence<int, Index...>) {
  return {multiply_tile<Index / kTileOutputs + 2, Index % kTileOutputs + 1, Fetch>...};
}

// Indexed by (vectors - 2, outputs - 1).
template <bool Fetch>
constexpr auto kTiles = tiles_of<Fetch>(std::make_integer_sequence<int, (LaneRows::kMostVectors - 1) * kTileOutputs>{});

// 16 pairs of elements of 16 rows, of which only so many are there, become 16 vectors `apart` elements apart.
FRANKENTORCH_AVX512_BF16 void turn(const uint16_t* x, int64_t stride, int64_t rows, int64_t pairs, uint16_t* into,
                                   int64_t apart) {
  const auto mask = static_cast<__mmask16>((1u << pairs) - 1);
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (int row = 0; row < 16; ++row)
    a[row] = row < rows ? _mm512_maskz_loadu_epi32(mask, x + row * stride) : _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  // Each quarter q of a[4 g + j] is then column 4 q + j of the rows 4 g to 4 g + 3.
#pragma GCC unroll 4
  for (int g = 0; g < 16; g += 4) {
    a[g] = _mm512_unpacklo_epi64(b[g], b[g + 2]);
    a[g + 1] = _mm512_unpackhi_epi64(b[g], b[g + 2]);
    a[g + 2] = _mm512_unpacklo_epi64(b[g + 1], b[g + 3]);
    a[g + 3] = _mm512_unpackhi_epi64(b[g + 1], b[g + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88), odd = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xDD);
    const __m512i more_even = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88),
                  more_odd = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xDD);
    b[j] = _mm512_shuffle_i32x4(even, more_even, 0x88);
    b[4 + j] = _mm512_shuffle_i32x4(odd, more_odd, 0x88);
    b[8 + j] = _mm512_shuffle_i32x4(even, more_even, 0xDD);
    b[12 + j] = _mm512_shuffle_i32x4(odd, more_odd, 0xDD);
  }
  for (int64_t k = 0; k < pairs; ++k) _mm512_store_si512(into + k * apart, b[k]);
}

// Sums turned around and rounded: two outputs of 16 rows at a time. Sums of outputs that are not there are read and
// left.
FRANKENTORCH_AVX512_BF16 void write_rows(const float* sums, int64_t vectors, int64_t rows, const BlockOut& out) {
  constexpr int64_t kPairs = kTileOutputs / 2, kLanes = LaneRows::kLanes;
  alignas(64) uint32_t of_rows[kPairs][LaneRows::kMostVectors * kLanes];
  float bias[kTileOutputs] = {};
  if (out.bias) std::copy_n(out.bias, out.outputs, bias);
  auto rounded = [&](int64_t output, int64_t v) FRANKENTORCH_AVX512_BF16 {
    const __m512 sum = _mm512_load_ps(sums + (output * vectors + v) * kLanes);
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(sum + _mm512_set1_ps(bias[output])));
  };
  for (int64_t p = 0; p < kPairs; ++p)
    for (int64_t v = 0; v < vectors; ++v)
      _mm512_store_si512(of_rows[p] + v * kLanes,
                         _mm512_or_si512(rounded(2 * p, v), _mm512_slli_epi32(rounded(2 * p + 1, v), 16)));
  for (int64_t row = 0; row < rows; ++row) {
    uint32_t of_row[kPairs];
    for (int64_t p = 0; p < kPairs; ++p) of_row[p] = of_rows[p][row];
    if (out.outputs == kTileOutputs)
      std::memcpy(out.y + row * out.stride, of_row, sizeof(of_row));  // two moves
    else
      std::memcpy(out.y + row * out.stride, of_row, sizeof(uint16_t) * out.outputs);
  }
}

}  // namespace

int64_t LaneRows::of(int64_t rows) {
  constexpr int64_t kWorthFilling = 13;  // of 16 lanes: what is left over takes longer elsewhere
  if (rows < kLanes + kWorthFilling) return 0;
  return rows % kLanes >= kWorthFilling ? rows : rows / kLanes * kLanes;
}

LaneRows::LaneRows(const uint16_t* x, int64_t rows, int64_t depth)
    : rows_(rows),
      vectors_((rows + kLanes - 1) / kLanes),
      pairs_(depth / 2),
      turned_(at::empty({pairs_ * vectors_ * kLanes * 2}, at::kBFloat16)) {  // ATen aligns memory to 64 bytes
  auto* into = static_cast<uint16_t*>(turned_.mutable_data_ptr());
  x_ = into;
  at::parallel_for(0, (pairs_ + kLine - 1) / kLine, 16, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin * kLine; k < std::min(end * kLine, pairs_); k += kLine)
      for (int64_t v = 0; v < vectors_; ++v)
        turn(x + v * kLanes * depth + 2 * k, depth, std::min(kLanes, rows - v * kLanes), std::min(kLine, pairs_ - k),
             into + (k * vectors_ + v) * 2 * kLanes, vectors_ * 2 * kLanes);
  });
}

void LaneRows::add(int64_t k, int64_t end, Matrix w, int64_t outputs, const uint16_t* next, float* sums) const {
  const size_t index = (vectors_ - 2) * kTileOutputs + outputs - 1;
  const Tile tile = next && outputs == kTileOutputs ? kTiles<true>[index] : kTiles<false>[index];
  tile(x_ + k * vectors_ * kLanes, {w.data + k, w.stride}, (end - k) / 2, next, sums);
}

void LaneRows::write(const float* sums, const BlockOut& out) const {
  write_rows(sums, vectors_, rows_, out);
}

}  // namespace frankentorch
#endif
