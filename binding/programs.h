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

struct Addon;

// What a program gave, as JavaScript values: tensors as src/tensor wraps them, numbers, truth values and lists of them.
Napi::Array from_results(Addon& addon, Napi::Env env, const std::vector<c10::IValue>& results);

}  // namespace frankentorch::binding
