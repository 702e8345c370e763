#pragma once

#include <functional>

#include "pch.h"

namespace frankentorch {

// f(x), of which only x is kept: the backward pass runs f again to have what it needs in between (activation
// checkpointing, arXiv 1604.06174). Gradients of the parameters in f accumulate in them. `f` must outlive that pass.
at::Tensor recomputed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor&)> f);

}  // namespace frankentorch
