#pragma once

#include <napi.h>

#include <memory>

#include "tensor/program.h"

namespace frankentorch::binding {

// { code: Float64Array, tensors, strings } -> the program, which owns its constants from here on: disposing their
// handles no longer matters. Throws ERR_DISPOSED for one that was disposed before.
std::shared_ptr<const Program> to_program(const Napi::Value& value);

}  // namespace frankentorch::binding
