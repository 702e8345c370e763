#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "runtime/turn.h"

namespace frankentorch {

// Copies bytes [begin, begin + length) of the open file `source` to `offset` in the open file `target`, and looks at
// the numbers of `dtype` on their way: the index of the first that is not finite, or nothing. The kernel is asked to
// start writing what arrived, so that the disk works while the rest is copied. Throws ERR_OUTPUT with the system's
// words, ERR_CHECKPOINT_CORRUPT when the source ends early.
std::optional<uint64_t> copy_numbers(int source, uint64_t begin, uint64_t length, int target, uint64_t offset,
                                     c10::ScalarType dtype, const Cancellation& cancellation);

// Writes the elements of a contiguous CPU tensor at `offset`, as copy_numbers does.
std::optional<uint64_t> write_numbers(const at::Tensor& tensor, int target, uint64_t offset,
                                      const Cancellation& cancellation);

}  // namespace frankentorch
