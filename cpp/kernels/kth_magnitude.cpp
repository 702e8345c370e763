// The k-th largest of |x|, k from 1, as a float32 scalar: exactly what x.abs().flatten().kthvalue(n - k + 1) gives,
// without a copy of x. Magnitudes of float32 are ordered as the integers their bits spell, so three passes over the
// memory fix 11, 10 and 10 bits, each by counting how many elements have each value of them.
#include <array>
#include <bit>

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

at::Tensor kth_magnitude(const at::Tensor& x, int64_t k) {
  TORCH_CHECK(x.is_cpu() && x.scalar_type() == at::kFloat, "Expected a float32 tensor on the CPU but received ",
              x.toString());
  TORCH_CHECK(k >= 1 && k <= x.numel(), "Expected k from 1 to ", x.numel(), " but received ", k);
  const at::Tensor numbers = x.contiguous();
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
  library.def("kth_magnitude(Tensor x, int k) -> Tensor", &kth_magnitude);
}

}  // namespace frankentorch
