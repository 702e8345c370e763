#pragma once

#include <algorithm>
#include <cstdint>

namespace frankentorch {

// As many numbers as one AVX-512 register holds; where there are none, the compiler takes several narrower ones.
template <class Number>
struct Vector {
  using type [[gnu::vector_size(64)]] = Number;
  static constexpr int64_t lanes = 64 / sizeof(Number);
};

template <class Number>
constexpr int64_t whole_vectors(int64_t width) {
  return (width + Vector<Number>::lanes - 1) / Vector<Number>::lanes * Vector<Number>::lanes;
}

// What follows is for functions with FRANKENTORCH_CLONES, into which it is copied.

// The sum, or the largest, of x in halves, which stay vectors: a loop would end by taking one lane after another.
template <int64_t kCount, class Number, class Combine>
[[gnu::always_inline]] inline Number in_halves(const Number* x, Combine combine) {
  Number half[kCount / 2];
#pragma omp simd
  for (int64_t i = 0; i < kCount / 2; ++i) half[i] = combine(x[i], x[i + kCount / 2]);
  if constexpr (kCount == 2)
    return half[0];
  else
    return in_halves<kCount / 2>(half, combine);
}

template <int64_t kCount, class Number>
[[gnu::always_inline]] inline Number sum_of(const Number* x) {
  return in_halves<kCount>(x, [](Number a, Number b) { return a + b; });
}

template <int64_t kCount, class Number>
[[gnu::always_inline]] inline Number largest_of(const Number* x) {
  return in_halves<kCount>(x, [](Number a, Number b) { return a > b ? a : b; });
}

// into[i, row] = from[row, i], of rows `stride` apart that become columns.
template <class Stored, class Number>
[[gnu::always_inline]] inline void turn_across(const Stored* from, int64_t stride, int64_t rows, int64_t width,
                                               int64_t columns, Number* into) {
  for (int64_t i = 0; i < width; ++i)
    for (int64_t row = 0; row < rows; ++row) into[i * columns + row] = static_cast<Number>(from[row * stride + i]);
}

// q · k
template <class Stored, class Number>
[[gnu::always_inline]] inline Number dot(const Number* q, const Stored* k, int64_t width) {
  constexpr int64_t kLanes = 16;
  Number sums[kLanes] = {};
  int64_t first = 0;
  for (; first + kLanes <= width; first += kLanes)
#pragma omp simd
    for (int64_t i = 0; i < kLanes; ++i) sums[i] += q[first + i] * static_cast<Number>(k[first + i]);
  for (int64_t i = 0; first + i < width; ++i) sums[i] += q[first + i] * static_cast<Number>(k[first + i]);
  return sum_of<kLanes>(sums);
}

}  // namespace frankentorch
