// The magnitude that the k = ⌊density · n⌋ largest of the n elements of x reach, as a float32 scalar, infinite for
// k = 0: exactly what x.abs().flatten().kthvalue(n - k + 1) gives, without a copy of x. Magnitudes of float32 are
// ordered as the integers their bits spell, so three passes over the memory fix 11, 10 and 10 bits, each by counting
// how many elements have each value of them.
#include <array>
#include <bit>
#include <limits>

#include "pch.h"

namespace frankentorch {
namespace {

constexpr int kMostBins = 1 << 11;
constexpr int64_t kGrain = 1 << 17;

using Counts = std::array<int64_t, kMostBins>;

// Of the elements whose bits above `shift + bits` are `prefix`, how many have each value of the next `bits`.
Counts counts_of(const float* x, int64_t n, uint32_t prefix, int shift, int bits) {
  std::vector<Counts> by_thread(at::get_num_threads(), Counts{});
  at::parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) {
    Counts& counts = by_thread[at::get_thread_num()];
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t magnitude = std::bit_cast<uint32_t>(x[i]) & 0x7fffffff;
      const uint64_t above = static_cast<uint64_t>(magnitude) >> (shift + bits);
      counts[(magnitude >> shift) & ((1u << bits) - 1)] += above == prefix;
    }
  });
  Counts total{};
  for (const auto& counts : by_thread)
    for (int bin = 0; bin < kMostBins; ++bin) total[bin] += counts[bin];
  return total;
}

at::Tensor magnitude_threshold(const at::Tensor& x, double density) {
  TORCH_CHECK(x.is_cpu() && x.scalar_type() == at::kFloat, "Expected a float32 tensor on the CPU but received ",
              x.toString());
  TORCH_CHECK(density >= 0 && density <= 1, "Expected a density from 0 to 1 but received ", density);
  const at::Tensor numbers = x.contiguous();
  auto k = static_cast<int64_t>(density * static_cast<double>(numbers.numel()));
  if (k == 0) return at::scalar_tensor(std::numeric_limits<float>::infinity(), at::kFloat);
  uint32_t prefix = 0;
  for (const auto& [shift, bits] : {std::pair{20, 11}, {10, 10}, {0, 10}}) {
    const Counts counts = counts_of(numbers.const_data_ptr<float>(), numbers.numel(), prefix, shift, bits);
    uint32_t bin = (1u << bits) - 1;
    for (; counts[bin] < k; --bin) k -= counts[bin];
    prefix = prefix << bits | bin;
  }
  return at::scalar_tensor(std::bit_cast<float>(prefix), at::kFloat);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("magnitude_threshold(Tensor x, float density) -> Tensor", &magnitude_threshold);
}

}  // namespace frankentorch
