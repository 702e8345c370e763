#include "checkpoint/random_fill.h"

#include <ATen/Dispatch.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

constexpr uint64_t levels = 1 << 16;

// quantile[i] is where the standard normal distribution function equals (i + 1/2) / levels.
const std::vector<double>& quantiles() {
  static const std::vector<double> table = [] {
    std::vector<double> quantile(levels);
    double x = 0;
    for (uint64_t i = levels / 2; i < levels; ++i) {
      const double upper_tail = 1 - (i + 0.5) / levels;
      // Newton's method from the quantile before: from below it rises to the root without passing it.
      for (int step = 0; step < 8; ++step) {
        const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
        x += (std::erfc(x / std::numbers::sqrt2) / 2 - upper_tail) / density;
      }
      quantile[i] = x;
      quantile[levels - 1 - i] = -x;
    }
    return quantile;
  }();
  return table;
}

// The output function of SplitMix64 (Steele, Lea, Flood, 2014): a bijection that scatters neighbouring counters.
uint64_t scatter(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

constexpr uint64_t golden = 0x9e3779b97f4a7c15;

// 64 random bits are four draws.
template <class Scalar>
void fill(const NormalStream& stream, uint64_t first, uint64_t count, Scalar* out) {
  std::vector<Scalar> draw(levels);
  for (uint64_t i = 0; i < levels; ++i) draw[i] = static_cast<Scalar>(stream.standard_deviation * quantiles()[i]);
  const uint64_t key = stream_key(stream.seed, stream.stream);
  for (uint64_t i = 0; i < count; i += 4) {
    uint64_t bits = random_bits(key, (first + i) / 4);
    const uint64_t end = std::min(i + 4, count);
    for (uint64_t j = i; j < end; ++j, bits >>= 16) out[j] = draw[bits & (levels - 1)];
  }
}

}  // namespace

uint64_t stream_key(uint64_t seed, uint64_t stream) {
  return scatter(scatter(seed + golden) + (stream + 1) * golden);
}

uint64_t random_bits(uint64_t key, uint64_t index) {
  return scatter(key + index * golden);
}

void fill_normal(const NormalStream& stream, uint64_t first, uint64_t count, c10::ScalarType dtype, void* out) {
  if (first % 4 != 0)
    fail("ERR_INVALID_ARGUMENT", "Expected the first draw to be a multiple of 4 but received ", first);
  AT_DISPATCH_FLOATING_TYPES_AND2(c10::kHalf, c10::kBFloat16, dtype, "fill_normal",
                                  [&] { fill(stream, first, count, static_cast<scalar_t*>(out)); });
}

}  // namespace frankentorch
