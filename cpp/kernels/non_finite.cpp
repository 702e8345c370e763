#include "kernels/non_finite.h"

#include <algorithm>

#include "kernels/clones.h"
#include "pch.h"

namespace frankentorch {
namespace {

constexpr int64_t kGrain = 1 << 18;  // below it a second thread costs more than it gives

// A number is a NaN or infinite where all bits of its exponent are set.
FRANKENTORCH_CLONES bool any_exponent_full_16(const uint16_t* numbers, uint64_t count, uint16_t exponent) {
  uint16_t any = 0;
#pragma omp simd reduction(| : any)
  for (uint64_t i = 0; i < count; ++i) any |= static_cast<uint16_t>((numbers[i] & exponent) == exponent);
  return any != 0;
}

FRANKENTORCH_CLONES bool any_exponent_full_32(const uint32_t* numbers, uint64_t count, uint32_t exponent) {
  uint32_t any = 0;
#pragma omp simd reduction(| : any)
  for (uint64_t i = 0; i < count; ++i) any |= static_cast<uint32_t>((numbers[i] & exponent) == exponent);
  return any != 0;
}

FRANKENTORCH_CLONES bool any_exponent_full_64(const uint64_t* numbers, uint64_t count, uint64_t exponent) {
  uint64_t any = 0;
#pragma omp simd reduction(| : any)
  for (uint64_t i = 0; i < count; ++i) any |= static_cast<uint64_t>((numbers[i] & exponent) == exponent);
  return any != 0;
}

template <class Bits>
uint64_t index_of_full(const Bits* numbers, uint64_t count, Bits exponent) {
  return std::find_if(numbers, numbers + count, [=](Bits bits) { return (bits & exponent) == exponent; }) - numbers;
}

// Index of the first NaN or infinity of `self`, or -1.
int64_t first_non_finite_of(const at::Tensor& self) {
  const at::Tensor numbers = self.contiguous();
  std::vector<int64_t> found(at::get_num_threads(), -1);
  const auto* bytes = static_cast<const uint8_t*>(numbers.const_data_ptr());
  at::parallel_for(0, numbers.numel(), kGrain, [&](int64_t begin, int64_t end) {
    const auto* first = bytes + begin * numbers.element_size();
    if (const auto index = first_non_finite(first, end - begin, numbers.scalar_type()))
      found[at::get_thread_num()] = begin + static_cast<int64_t>(*index);
  });
  // Threads have ascending ranges.
  const auto place = std::find_if(found.begin(), found.end(), [](int64_t index) { return index >= 0; });
  return place == found.end() ? -1 : *place;
}

}  // namespace

std::optional<uint64_t> first_non_finite(const void* numbers, uint64_t count, c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kBFloat16:
    case c10::kHalf: {
      const auto* bits = static_cast<const uint16_t*>(numbers);
      const uint16_t exponent = dtype == c10::kHalf ? 0x7c00 : 0x7f80;
      if (!any_exponent_full_16(bits, count, exponent)) return std::nullopt;
      return index_of_full(bits, count, exponent);
    }
    case c10::kFloat: {
      const auto* bits = static_cast<const uint32_t*>(numbers);
      if (!any_exponent_full_32(bits, count, 0x7f800000)) return std::nullopt;
      return index_of_full<uint32_t>(bits, count, 0x7f800000);
    }
    case c10::kDouble: {
      const auto* bits = static_cast<const uint64_t*>(numbers);
      constexpr uint64_t exponent = 0x7ff0000000000000;
      if (!any_exponent_full_64(bits, count, exponent)) return std::nullopt;
      return index_of_full(bits, count, exponent);
    }
    default:
      return std::nullopt;  // integers
  }
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("first_non_finite(Tensor self) -> int", &first_non_finite_of);
}

}  // namespace frankentorch
