#include "kernels/update_statistics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <type_traits>

#include "kernels/clones.h"
#include "pch.h"

namespace frankentorch {
namespace {

constexpr int64_t kBlock = 4096;  // elements: a handful of float32 blocks stay in the first-level cache
constexpr int64_t kGrain = 1 << 17;
constexpr int kBins = 64;
constexpr int kSmallest = -48;  // exponent of the first bin

template <class Real>
using Bits = std::conditional_t<sizeof(Real) == 4, uint32_t, uint64_t>;

// --- a block widened to the type of the differences ------------------------------------------------------------------

FRANKENTORCH_CLONES void widen_bfloat16(const uint16_t* in, int64_t count, float* out) {
  auto* bits = reinterpret_cast<uint32_t*>(out);
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) bits[i] = static_cast<uint32_t>(in[i]) << 16;
}

template <class Real>
void widen(const at::Tensor& tensor, int64_t begin, int64_t count, Real* out) {
  const void* data = static_cast<const uint8_t*>(tensor.const_data_ptr()) + begin * tensor.element_size();
  if constexpr (std::is_same_v<Real, float>)
    if (tensor.scalar_type() == at::kBFloat16) return widen_bfloat16(static_cast<const uint16_t*>(data), count, out);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, tensor.scalar_type(), "widen", [&] {
    const auto* numbers = static_cast<const scalar_t*>(data);
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Real>(numbers[i]);
  });
}

// --- sums over a block -----------------------------------------------------------------------------------------------

template <class Real>
[[gnu::always_inline]] inline double dot(const Real* a, const Real* b, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

struct Difference {
  double largest = 0;  // magnitude
  double total = 0;    // of magnitudes
  int64_t unchanged = 0;
};

// delta = after - before
template <class Real>
[[gnu::always_inline]] inline Difference difference(const Real* before, const Real* after, int64_t count, Real* delta) {
  Real largest = 0;
  double total = 0;
  int64_t unchanged = 0;
#pragma omp simd reduction(max : largest) reduction(+ : total, unchanged)
  for (int64_t i = 0; i < count; ++i) {
    const bool equal = before[i] == after[i] || (before[i] != before[i] && after[i] != after[i]);
    delta[i] = equal ? Real(0) : after[i] - before[i];
    const Real magnitude = delta[i] < 0 ? -delta[i] : delta[i];
    largest = largest > magnitude ? largest : magnitude;
    total += static_cast<double>(magnitude);
    unchanged += equal;
  }
  return {static_cast<double>(largest), total, unchanged};
}

// GCC clones no templates.
FRANKENTORCH_CLONES double dot_of(const float* a, const float* b, int64_t count) {
  return dot(a, b, count);
}
FRANKENTORCH_CLONES double dot_of(const double* a, const double* b, int64_t count) {
  return dot(a, b, count);
}
FRANKENTORCH_CLONES Difference difference_of(const float* before, const float* after, int64_t count, float* delta) {
  return difference(before, after, count, delta);
}
FRANKENTORCH_CLONES Difference difference_of(const double* before, const double* after, int64_t count, double* delta) {
  return difference(before, after, count, delta);
}

// Four counts side by side: neighbours often share a bin, and one counter would wait for itself.
using Counts = std::array<std::array<int64_t, kBins>, 4>;

template <class Real>
void count_magnitudes(const Real* delta, int64_t count, Counts& counts) {
  constexpr int mantissa = sizeof(Real) == 4 ? 23 : 52, bias = sizeof(Real) == 4 ? 127 : 1023;
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<Bits<Real>>(delta[i]) << 1 >> 1;  // without the sign
    const int bin = std::clamp(static_cast<int>(bits >> mantissa) - bias - kSmallest, 0, kBins - 1);
    counts[i & 3][bin] += bits != 0;
  }
}

// --- one thread's share ----------------------------------------------------------------------------------------------

struct Layout {
  int64_t updates;
  int64_t checkpoints() const { return updates + 1; }
  int64_t of_update(int64_t i) const { return checkpoints() + 4 * i; }
  int64_t of_pair(int64_t i, int64_t j) const {
    return checkpoints() + 4 * updates + i * updates - i * (i + 1) / 2 + (j - i - 1);
  }
  int64_t size() const { return checkpoints() + 4 * updates + updates * (updates - 1) / 2; }
};

struct Share {
  std::vector<double> sums;
  std::vector<Counts> counts;
};

template <class Real>
void add_range(const std::vector<at::Tensor>& chain, int64_t begin, int64_t end, Share& share) {
  const Layout at{static_cast<int64_t>(chain.size()) - 1};
  std::vector<Real> values(chain.size() * kBlock), deltas(at.updates * kBlock);
  for (int64_t first = begin; first < end; first += kBlock) {
    const int64_t count = std::min(kBlock, end - first);
    for (int64_t i = 0; i < at.checkpoints(); ++i) {
      Real* block = values.data() + i * kBlock;
      widen(chain[i], first, count, block);
      share.sums[i] += dot_of(block, block, count);
    }
    for (int64_t i = 0; i < at.updates; ++i) {
      const Real* before = values.data() + i * kBlock;
      Real* delta = deltas.data() + i * kBlock;
      const Difference change = difference_of(before, before + kBlock, count, delta);
      double* sums = share.sums.data() + at.of_update(i);
      sums[0] += dot_of(delta, delta, count);
      sums[1] = std::max(sums[1], change.largest);
      sums[2] += static_cast<double>(change.unchanged);
      sums[3] += change.total;
      if (change.unchanged < count) count_magnitudes(delta, count, share.counts[i]);
      for (int64_t j = 0; j < i; ++j) share.sums[at.of_pair(j, i)] += dot_of(deltas.data() + j * kBlock, delta, count);
    }
  }
}

void require_alike(const std::vector<at::Tensor>& chain) {
  TORCH_CHECK(chain.size() >= 2, "Expected two tensors or more but received ", chain.size());
  for (const auto& tensor : chain) {
    TORCH_CHECK(tensor.sizes() == chain[0].sizes(), "Expected tensors of equal shape but received ", chain[0].sizes(),
                " and ", tensor.sizes());
    TORCH_CHECK(tensor.is_cpu() && at::isFloatingType(tensor.scalar_type()),
                "Expected floating-point tensors on the CPU but received ", tensor.toString());
  }
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> update_statistics(const std::vector<at::Tensor>& tensors) {
  require_alike(tensors);
  std::vector<at::Tensor> chain;
  for (const auto& tensor : tensors) chain.push_back(tensor.contiguous());
  const Layout at{static_cast<int64_t>(chain.size()) - 1};
  const bool wide = std::any_of(chain.begin(), chain.end(), [](auto& t) { return t.scalar_type() == at::kDouble; });

  // Shares are fixed stretches of elements and not the threads', so that sums do not depend on how many those are.
  const int64_t elements = chain[0].numel(), stretches = (elements + kGrain - 1) / kGrain;
  std::vector<Share> shares(stretches, {std::vector<double>(at.size()), std::vector<Counts>(at.updates, Counts{})});
  at::parallel_for(0, stretches, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t last = std::min(elements, (i + 1) * kGrain);
      if (wide)
        add_range<double>(chain, i * kGrain, last, shares[i]);
      else
        add_range<float>(chain, i * kGrain, last, shares[i]);
    }
  });

  at::Tensor sums = at::zeros({at.size()}, at::kDouble), counts = at::zeros({at.updates, kBins}, at::kLong);
  auto* sum = sums.mutable_data_ptr<double>();
  auto* total = counts.mutable_data_ptr<int64_t>();
  for (const auto& share : shares) {
    for (int64_t i = 0; i < at.size(); ++i) sum[i] += share.sums[i];
    for (int64_t i = 0; i < at.updates; ++i)
      for (const auto& some : share.counts[i])
        for (int bin = 0; bin < kBins; ++bin) total[i * kBins + bin] += some[bin];
  }
  // Maxima do not add up.
  for (int64_t i = 0; i < at.updates; ++i) {
    sum[at.of_update(i) + 1] = 0;
    for (const auto& share : shares)
      sum[at.of_update(i) + 1] = std::max(sum[at.of_update(i) + 1], share.sums[at.of_update(i) + 1]);
  }
  return {sums, counts};
}

at::Tensor inner_product(const at::Tensor& a, const at::Tensor& b) {
  require_alike({a, b});
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  const int64_t elements = left.numel(), stretches = (elements + kGrain - 1) / kGrain;
  const bool wide = left.scalar_type() == at::kDouble || right.scalar_type() == at::kDouble;
  std::vector<double> sums(stretches);
  const auto add = [&]<class Real>(Real, int64_t begin, int64_t end) {
    std::vector<Real> one(kBlock), other(kBlock);
    double sum = 0;
    for (int64_t first = begin; first < end; first += kBlock) {
      const int64_t count = std::min(kBlock, end - first);
      widen(left, first, count, one.data());
      widen(right, first, count, other.data());
      sum += dot_of(one.data(), other.data(), count);
    }
    return sum;
  };
  at::parallel_for(0, stretches, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t last = std::min(elements, (i + 1) * kGrain);
      sums[i] = wide ? add(double{}, i * kGrain, last) : add(float{}, i * kGrain, last);
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return at::scalar_tensor(total, at::kDouble);
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("update_statistics(Tensor[] chain) -> (Tensor sums, Tensor counts)", &update_statistics);
  library.def("inner_product(Tensor a, Tensor b) -> Tensor", &inner_product);
}

}  // namespace frankentorch
