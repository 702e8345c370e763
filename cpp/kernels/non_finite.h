#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>

namespace frankentorch {

// Index of the first of `count` numbers that is a NaN or infinite. A pass over memory: no arithmetic but a mask.
// Integers are finite.
std::optional<uint64_t> first_non_finite(const void* numbers, uint64_t count, c10::ScalarType dtype);

}  // namespace frankentorch
