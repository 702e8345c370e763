#include "runtime/operation_count.h"

#include <ATen/core/function_schema.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <optional>

namespace frankentorch {
namespace {

struct Counting {
  std::map<std::string, int64_t> counts;
  std::optional<at::CallbackHandle> callback;
  int64_t depth = 0;
};
thread_local Counting counting;

bool computes(const at::RecordFunction& function) {
  const auto schema = function.operator_schema();
  if (!schema || schema->name().starts_with("aten::empty")) return false;
  const auto& returns = schema->returns();
  return std::ranges::none_of(
      returns, [](const c10::Argument& one) { return one.alias_info() && !one.alias_info()->isWrite(); });
}

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
  if (counting.depth++ == 0 && computes(function)) ++counting.counts[c10::toString(*function.operator_name())];
  return nullptr;
}

void leave(const at::RecordFunction&, at::ObserverContext*) {
  --counting.depth;
}

}  // namespace

void OperationCount::start() {
  stop();
  counting.callback =
      at::addThreadLocalCallback(at::RecordFunctionCallback(enter, leave).scopes({at::RecordScope::FUNCTION}));
}

std::map<std::string, int64_t> OperationCount::stop() {
  if (counting.callback) at::removeCallback(*counting.callback);
  return std::exchange(counting, {}).counts;
}

}  // namespace frankentorch
