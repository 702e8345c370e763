#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <vector>

namespace frankentorch {

// Index of a value in a program: first its inputs, then the outputs of its instructions in order.
using Register = int32_t;

// An argument as it was recorded: a value, the register that holds it, or a list of such.
struct Argument {
  enum class Kind { default_value, literal, from_register, list };

  Kind kind = Kind::default_value;
  c10::IValue literal;
  Register from = 0;
  std::vector<Argument> elements;
};

// The argument in the form an instruction keeps it: names of dtypes and devices resolved, integers widened to float
// where the schema wants one, one number repeated for `int[2]`, lists without registers folded into one literal.
// `types` are those of the registers. Throws ERR_INVALID_ARGUMENT, ERR_UNKNOWN_DTYPE or ERR_UNKNOWN_DEVICE.
Argument fitted(Argument argument, const c10::Argument& declared, const std::vector<c10::TypePtr>& types,
                const c10::FunctionSchema& schema);

// What a fitted argument is during a run.
c10::IValue value_of(const Argument& argument, const c10::Argument& declared,
                     const std::vector<c10::IValue>& registers);

// Every register the argument reads, through `visit(register)`.
template <class Visit>
void for_each_register(const Argument& argument, Visit visit) {
  if (argument.kind == Argument::Kind::from_register) visit(argument.from);
  for (const auto& element : argument.elements) for_each_register(element, visit);
}

}  // namespace frankentorch
