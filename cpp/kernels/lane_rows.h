#pragma once

#include "kernels/bfloat16_tiles.h"

#if defined(__x86_64__)
namespace frankentorch {

// Rows of x that are the lanes of vectors: each pair of elements of W goes to all lanes and is multiplied with that of
// 16 rows at once, so no sum runs across a vector. From 32 rows on, since one load of W must serve two products at
// least. 95 % of the peak of a Zen 4's products at 32 rows and 98 % at 64, where tiles that sum lanes reach 85 %.
class LaneRows {
 public:
  static constexpr int64_t kLanes = 16;
  static constexpr int64_t kMostVectors = 4;

  // Of so many rows, how many are best taken as lanes: the first ones, or all.
  static int64_t of(int64_t rows);

  // x: [rows, depth], depth even
  LaneRows(const uint16_t* x, int64_t rows, int64_t depth);

  // Adds the products of all rows with a block of W over the elements [k, end), k even; meanwhile as many elements of
  // each row from `next` on are fetched, if there is one.
  void add(int64_t k, int64_t end, Matrix w, int64_t outputs, const uint16_t* next, float* sums) const;
  void write(const float* sums, const BlockOut& out) const;

  static constexpr int64_t kSums = kTileOutputs * kMostVectors * kLanes;  // room for them
  int64_t sums() const { return kTileOutputs * vectors_ * kLanes; }

 private:
  int64_t rows_, vectors_, pairs_;
  at::Tensor turned_;
  const uint16_t* x_;  // in turned_: [pairs, vectors, 16, 2]
};

}  // namespace frankentorch
#endif
