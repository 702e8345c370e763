#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <vector>

namespace frankentorch {

// The operators that programs may name: libtorch's aten:: and our own frankentorch::. The order is that of the names,
// and fixed for the life of the process; an operator's index in it is how a program refers to it.
class Operators {
 public:
  static const Operators& of_process();

  size_t size() const { return operators_.size(); }
  // Throws ERR_INVALID_ARGUMENT.
  const c10::OperatorHandle& at(size_t index) const;

  // One schema a line, in order. A line that begins with '~' is an operator that draws random numbers.
  std::string schemas() const;

 private:
  Operators();
  std::vector<c10::OperatorHandle> operators_;
};

// The operator draws from libtorch's generator (its tag `nondeterministic_seeded`).
bool is_random(const c10::OperatorHandle& op);

}  // namespace frankentorch
