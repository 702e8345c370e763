#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "tensor/program.h"

namespace frankentorch::binding {

// What a JavaScript handle of a program holds.
struct RecordedProgram {
  Program program;
  std::vector<at::Tensor> constants;  // those of its code, in order
};

// A program's handle, or { code: Float64Array, tensors, strings }. It owns its constants from here on: disposing their
// handles no longer matters. Throws ERR_DISPOSED for what was disposed before.
std::shared_ptr<const RecordedProgram> to_program(const Napi::Value& value);

}  // namespace frankentorch::binding
