#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/vectors.h"

namespace frankentorch {

// A matrix of any strides: element (i, k) at i · row + k · column.
template <class Number>
struct Strided {
  const Number* data;
  int64_t row, column;
};

// Rows of numbers, `stride` apart.
template <class Number>
struct Rows {
  Number* data;
  int64_t stride;
};

// y[m] += Σₖ a[m, k] · b[k] of kRows rows and one vector of columns: the sums stay in registers, none runs across a
// vector, and they meet y at the end, so that sums over many calls lose little.
template <int kRows, class Number>
[[gnu::always_inline]] inline void add_tile(Strided<Number> a, Rows<const Number> b, int64_t depth, Rows<Number> y) {
  using Lanes = typename Vector<Number>::type;
  Lanes sums[kRows];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) sums[m] = Lanes{};
  for (int64_t k = 0; k < depth; ++k) {
    Lanes row;
    std::memcpy(&row, b.data + k * b.stride, sizeof(Lanes));
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sums[m] += a.data[m * a.row + k * a.column] * row;
  }
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
    Lanes total;
    std::memcpy(&total, y.data + m * y.stride, sizeof(Lanes));
    total += sums[m];
    std::memcpy(y.data + m * y.stride, &total, sizeof(Lanes));
  }
}

// y += a · b. a: [rows, depth], b: [depth, columns], y: [rows, columns], columns a multiple of Vector::lanes. A vector
// of columns of b stays in the first-level cache while all rows of a go by. For functions with FRANKENTORCH_CLONES,
// into which it is copied.
template <class Number>
[[gnu::always_inline]] inline void add_product(Strided<Number> a, Rows<const Number> b, int64_t rows, int64_t depth,
                                               int64_t columns, Rows<Number> y) {
  for (int64_t column = 0; column < columns; column += Vector<Number>::lanes) {
    const Rows<const Number> of_b{b.data + column, b.stride};
    auto from = [&](int64_t row) { return Strided<Number>{a.data + row * a.row, a.row, a.column}; };
    auto to = [&](int64_t row) { return Rows<Number>{y.data + row * y.stride + column, y.stride}; };
    int64_t row = 0;
    for (; row + 8 <= rows; row += 8) add_tile<8>(from(row), of_b, depth, to(row));
    for (; row + 2 <= rows; row += 2) add_tile<2>(from(row), of_b, depth, to(row));
    if (row < rows) add_tile<1>(from(row), of_b, depth, to(row));
  }
}

}  // namespace frankentorch
