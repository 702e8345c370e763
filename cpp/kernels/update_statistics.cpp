#include "kernels/update_statistics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>
#include <type_traits>

#include "kernels/blocks.h"
#include "kernels/clones.h"
#include "pch.h"

namespace frankentorch {
namespace {

constexpr int64_t kGrain = 1 << 17;
constexpr int kBins = 64;
constexpr int kSmallest = -48;  // exponent of the first bin

// --- one update of a block -------------------------------------------------------------------------------------------

template <class Real>
struct Format {
  using Bits = std::conditional_t<sizeof(Real) == 4, int32_t, int64_t>;
  static constexpr int mantissa = sizeof(Real) == 4 ? 23 : 52;
  static constexpr Bits magnitude = std::numeric_limits<Bits>::max();  // all bits but the sign
  static constexpr Bits exponent_of_first_bin = (sizeof(Real) == 4 ? 127 : 1023) + kSmallest;
};

struct Change {
  double largest;     // magnitude
  int64_t unchanged;  // elements
};

// delta = after − before. Integers stand for magnitudes, whose order they have, and for conditions: a loop with a
// branch is not vectorised.
template <class Real>
[[gnu::always_inline]] inline Change subtract_of(const Real* before, const Real* after, int64_t count, Real* delta) {
  using Bits = typename Format<Real>::Bits;
  Bits largest = 0, unchanged = 0;
#pragma omp simd reduction(max : largest) reduction(+ : unchanged)
  for (int64_t i = 0; i < count; ++i) {
    const Real a = before[i], b = after[i];
    const Bits equal = (a == b) | ((a != a) & (b != b));
    const Bits difference = std::bit_cast<Bits>(b - a) & (equal - 1);
    const Bits magnitude = difference & Format<Real>::magnitude;
    delta[i] = std::bit_cast<Real>(difference);
    largest = magnitude > largest ? magnitude : largest;
    unchanged += equal;
  }
  return {std::bit_cast<Real>(largest), unchanged};
}

// Of each magnitude; unchanged elements are in the first.
template <class Real>
[[gnu::always_inline]] inline void bins_of(const Real* delta, int64_t count, uint8_t* bins) {
  using F = Format<Real>;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    auto bin = ((std::bit_cast<typename F::Bits>(delta[i]) & F::magnitude) >> F::mantissa) - F::exponent_of_first_bin;
    bin = bin < 0 ? 0 : bin;
    bin = bin >= kBins ? kBins - 1 : bin;
    bins[i] = static_cast<uint8_t>(bin);
  }
}

struct Sums {
  double squares, magnitudes;
};

template <class Real>
[[gnu::always_inline]] inline Sums sums_of(const Real* delta, int64_t count) {
  double squares = 0, magnitudes = 0;
#pragma omp simd reduction(+ : squares, magnitudes)
  for (int64_t i = 0; i < count; ++i) {
    const double value = delta[i];
    squares += value * value;
    magnitudes += std::abs(value);
  }
  return {squares, magnitudes};
}

// GCC clones no templates.
FRANKENTORCH_CLONES Change subtract(const float* before, const float* after, int64_t count, float* delta) {
  return subtract_of(before, after, count, delta);
}
FRANKENTORCH_CLONES Change subtract(const double* before, const double* after, int64_t count, double* delta) {
  return subtract_of(before, after, count, delta);
}
FRANKENTORCH_CLONES void bins(const float* delta, int64_t count, uint8_t* out) {
  bins_of(delta, count, out);
}
FRANKENTORCH_CLONES void bins(const double* delta, int64_t count, uint8_t* out) {
  bins_of(delta, count, out);
}
FRANKENTORCH_CLONES Sums sums(const float* delta, int64_t count) {
  return sums_of(delta, count);
}
FRANKENTORCH_CLONES Sums sums(const double* delta, int64_t count) {
  return sums_of(delta, count);
}

// How many elements are in each bin. Two neighbours are counted at once by the pair of their bins, and neighbouring
// pairs in two tables: a count waits for the one before where both are of the same place.
class BinCounts {
 public:
  void add(const uint8_t* bins, int64_t count) {
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      ++of_pairs_[0][place(bins[i], bins[i + 1])];
      ++of_pairs_[1][place(bins[i + 2], bins[i + 3])];
    }
    for (; i < count; ++i) ++rest_[bins[i]];
  }

  void add_to(int64_t* totals) const {
    for (int bin = 0; bin < kBins; ++bin) totals[bin] += rest_[bin];
    for (const auto& table : of_pairs_)
      for (int one = 0; one < kBins; ++one)
        for (int other = 0; other < kBins; ++other) {
          totals[one] += table[place(one, other)];
          totals[other] += table[place(one, other)];
        }
  }

 private:
  static int place(int one, int other) { return one * kBins + other; }

  std::array<std::array<int64_t, kBins * kBins>, 2> of_pairs_{};
  std::array<int64_t, kBins> rest_{};
};

// --- a stretch of elements -------------------------------------------------------------------------------------------

struct Layout {
  int64_t updates;
  int64_t checkpoints() const { return updates + 1; }
  int64_t of_update(int64_t i) const { return checkpoints() + 4 * i; }
  bool is_maximum(int64_t j) const {
    return j >= checkpoints() && j < of_update(updates) && (j - checkpoints()) % 4 == 1;
  }
  int64_t of_pair(int64_t i, int64_t j) const {
    return checkpoints() + 4 * updates + i * updates - i * (i + 1) / 2 + (j - i - 1);
  }
  int64_t size() const { return checkpoints() + 4 * updates + updates * (updates - 1) / 2; }
};

template <class Real>
void add_stretch(const std::vector<at::Tensor>& chain, int64_t begin, int64_t end, double* total,
                 std::vector<BinCounts>& counts) {
  const Layout at{static_cast<int64_t>(chain.size()) - 1};
  constexpr int64_t block = blocks::kElements;
  std::vector<Real> values(chain.size() * block), deltas(at.updates * block);
  std::array<uint8_t, block> bin{};
  for (int64_t first = begin; first < end; first += block) {
    const int64_t count = std::min(block, end - first);
    for (int64_t i = 0; i < at.checkpoints(); ++i) {
      Real* value = values.data() + i * block;
      blocks::widen(chain[i], first, count, value);
      total[i] += blocks::squares(value, count);
    }
    for (int64_t i = 0; i < at.updates; ++i) {
      const Real* before = values.data() + i * block;
      Real* delta = deltas.data() + i * block;
      const Change change = subtract(before, before + block, count, delta);
      const Sums sum = sums(delta, count);
      double* of_update = total + at.of_update(i);
      of_update[0] += sum.squares;
      of_update[1] = std::max(of_update[1], change.largest);
      of_update[2] += static_cast<double>(change.unchanged);
      of_update[3] += sum.magnitudes;
      bins(delta, count, bin.data());
      counts[i].add(bin.data(), count);
      for (int64_t j = 0; j < i; ++j) total[at.of_pair(j, i)] += blocks::dot(deltas.data() + j * block, delta, count);
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

  // Sums are of fixed stretches of elements and not of threads, so that they do not depend on how many those are.
  const int64_t elements = chain[0].numel(), stretches = (elements + kGrain - 1) / kGrain;
  std::vector<double> parts(stretches * at.size());
  at::Tensor sums = at::zeros({at.size()}, at::kDouble), counts = at::zeros({at.updates, kBins}, at::kLong);
  auto* total = counts.mutable_data_ptr<int64_t>();
  std::mutex counting;
  at::parallel_for(0, stretches, 1, [&](int64_t begin, int64_t end) {
    std::vector<BinCounts> bins(at.updates);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t last = std::min(elements, (i + 1) * kGrain);
      (wide ? add_stretch<double> : add_stretch<float>)(chain, i * kGrain, last, parts.data() + i * at.size(), bins);
    }
    const std::lock_guard lock(counting);
    for (int64_t i = 0; i < at.updates; ++i) bins[i].add_to(total + i * kBins);
  });

  auto* sum = sums.mutable_data_ptr<double>();
  for (int64_t i = 0; i < stretches; ++i)
    for (int64_t j = 0; j < at.size(); ++j) {
      const double part = parts[i * at.size() + j];
      sum[j] = at.is_maximum(j) ? std::max(sum[j], part) : sum[j] + part;
    }
  for (int64_t i = 0; i < at.updates; ++i) total[i * kBins] -= static_cast<int64_t>(sum[at.of_update(i) + 2]);
  return {sums, counts};
}

at::Tensor inner_product(const at::Tensor& a, const at::Tensor& b) {
  require_alike({a, b});
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  const int64_t elements = left.numel(), stretches = (elements + kGrain - 1) / kGrain;
  const bool wide = left.scalar_type() == at::kDouble || right.scalar_type() == at::kDouble;
  std::vector<double> sums(stretches);
  const auto add = [&]<class Real>(Real, int64_t begin, int64_t end) {
    std::array<Real, blocks::kElements> one, other;
    double sum = 0;
    for (int64_t first = begin; first < end; first += blocks::kElements) {
      const int64_t count = std::min(blocks::kElements, end - first);
      blocks::widen(left, first, count, one.data());
      blocks::widen(right, first, count, other.data());
      sum += blocks::dot(one.data(), other.data(), count);
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
