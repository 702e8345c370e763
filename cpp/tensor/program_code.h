#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "tensor/program.h"

namespace frankentorch {

// A program in the flat form in which src/tensor/encode.ts sends it: numbers, and the tensors and strings they index.
//
//   program     := inputs instructions instruction* results register*
//   instruction := operator flags [seed high, seed low] arguments argument*     flags: 1 no gradients, 2 has a seed
//   argument    := 0 (default) | 1 (none) | 2 register | 3 integer | 4 high low (64-bit integer) | 5 double | 6 bool
//                | 7 string | 8 tensor | 9 count argument* (list)
struct ProgramCode {
  std::span<const double> code;
  std::vector<at::Tensor> tensors;
  std::vector<std::string> strings;
};

// Throws ERR_INVALID_ARGUMENT for code that is not a program.
Program decoded(const ProgramCode& code);

}  // namespace frankentorch
