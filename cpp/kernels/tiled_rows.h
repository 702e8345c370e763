#pragma once

#include "kernels/bfloat16_tiles.h"

#if defined(__x86_64__)
namespace frankentorch {

// Rows of x in tiles of up to four, whose products with rows of W are summed lane by lane over the depth and across
// lanes at its end.
//
// It holds a copy of x whose rows miss the boundaries of vectors as those of W do, so that all loads but the first and
// the last are whole lines: with 37 rows 2048 long 1.06–1.1 × as fast as x read where it lies when W misses them, as
// nearly all weights of a mapped checkpoint do, and 0.95 × when it does not. The rows are a multiple of four lines
// apart and not of 4 KB, the stride at which they would displace each other from the first-level cache. They are dealt
// to tiles, as few and as even as can be: one with a single row would wait for its own sums.
class TiledRows {
 public:
  // x: [rows, depth]; w: the first block of W
  TiledRows(const uint16_t* x, int64_t rows, int64_t depth, Matrix w);

  // Adds the products of all rows with a block of W over the elements [k, end), up to the boundaries of vectors before
  // both, but for the first and the last; meanwhile as many elements of each row from `next` on are fetched, if there
  // is one.
  void add(int64_t k, int64_t end, Matrix w, int64_t outputs, const uint16_t* next, float* sums) const;
  void write(const float* sums, const BlockOut& out) const;

  static constexpr int kTileRows = 4;               // 4 × 6 sums, 4 vectors of x and 1 of W fill 29 of 32 registers
  static constexpr int kTileSums = 32;              // room for them, in vectors of 16
  static constexpr int64_t kSums = 16 * kTileSums;  // of 64 rows
  int64_t sums() const { return tiles_ * kTileSums; }

 private:
  // Division takes as long as many products.
  int64_t first_row(int64_t tile) const { return tile * rows_each_ + std::min(tile, rows_left_); }
  int64_t height(int64_t tile) const { return first_row(tile + 1) - first_row(tile); }
  // The rows of a tile from the k-th element after the boundary on.
  Matrix at(int64_t tile, int64_t k) const { return {values_ + first_row(tile) * stride_ + k, stride_}; }

  int64_t tiles_, rows_each_, rows_left_, depth_, past_boundary_, stride_;
  at::Tensor copy_;
  const uint16_t* values_;
};

}  // namespace frankentorch
#endif
