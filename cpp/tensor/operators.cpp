#include "tensor/operators.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "runtime/failure.h"

namespace frankentorch {

const Operators& Operators::of_process() {
  static const Operators operators;
  return operators;
}

Operators::Operators() {
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const auto& name : dispatcher.getAllOpNames()) {
    const std::string_view text = name.name;
    if (!text.starts_with("aten::") && !text.starts_with("frankentorch::")) continue;
    if (const auto op = dispatcher.findSchema(name)) operators_.push_back(*op);
  }
  std::sort(operators_.begin(), operators_.end(), [](const auto& a, const auto& b) {
    const auto &left = a.operator_name(), &right = b.operator_name();
    return std::tie(left.name, left.overload_name) < std::tie(right.name, right.overload_name);
  });
}

const c10::OperatorHandle& Operators::at(size_t index) const {
  if (index >= operators_.size())
    fail("ERR_INVALID_ARGUMENT", "Expected the index of one of ", operators_.size(), " operators but received ", index);
  return operators_[index];
}

std::string Operators::schemas() const {
  std::string text;
  text.reserve(operators_.size() * 128);
  for (const auto& op : operators_) {
    if (is_random(op)) text += '~';
    text += toString(op.schema());
    text += '\n';
  }
  return text;
}

bool is_random(const c10::OperatorHandle& op) {
  return op.hasTag(at::Tag::nondeterministic_seeded);
}

}  // namespace frankentorch
