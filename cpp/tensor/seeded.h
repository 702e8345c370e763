#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <cstdint>
#include <vector>

namespace frankentorch {

// Calls a random operator so that it draws what torch.Generator().manual_seed(seed) gives: through its argument
// `generator` where it has one (an index, else -1), else through libtorch's default generator, whose state is put back.
void call_seeded(const c10::OperatorHandle& op, std::vector<c10::IValue>& stack, int64_t generator, uint64_t seed);

}  // namespace frankentorch
