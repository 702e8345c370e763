#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>

namespace frankentorch {

// An endless sequence of normal draws that can be entered anywhere, so that what a parameter gets depends neither on
// the size of the pieces it is made in nor on the order of parameters. A draw is one of 65,536 equally likely
// quantiles, the outermost at 4.3 standard deviations: finer than bfloat16 resolves, and several hundred million a
// second on one core.
struct NormalStream {
  uint64_t seed;
  uint64_t stream;  // one per parameter
  double standard_deviation;
};

// The key of a stream, and the 64 bits of its draw `index`: SplitMix64 entered anywhere.
uint64_t stream_key(uint64_t seed, uint64_t stream);
uint64_t random_bits(uint64_t key, uint64_t index);

// Writes draws first, first + 1, …, first + count - 1 to `out`, rounded to `dtype`, a floating-point one. `first` is a
// multiple of 4.
void fill_normal(const NormalStream& stream, uint64_t first, uint64_t count, c10::ScalarType dtype, void* out);

}  // namespace frankentorch
