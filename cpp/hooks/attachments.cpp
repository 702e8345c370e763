#include "hooks/attachments.h"

namespace frankentorch {
namespace {

at::Tensor run(const std::vector<std::shared_ptr<Hook>>& hooks, at::Tensor value, const Group* group) {
  for (const auto& hook : hooks) value = hook->apply(std::move(value), group);
  return value;
}

}  // namespace

at::Tensor Attachments::observe(const std::string& point, at::Tensor value, int64_t group) {
  const auto found = hooks_.find(point);
  if (found == hooks_.end()) return value;
  if (!batch_) return run(found->second, value.unsqueeze(0), nullptr).squeeze(0);
  if (group >= 0) return run(found->second, std::move(value), &batch_->groups[group]);

  std::vector<at::Tensor> parts;
  bool changed = false;
  for (const auto& rows : batch_->groups) {
    const at::Tensor before = Batch::rows_of(rows, value);
    at::Tensor after = run(found->second, before, &rows);
    changed |= !after.is_same(before);
    parts.push_back(after.flatten(0, 1));
  }
  return changed ? at::cat(parts) : value;
}

}  // namespace frankentorch
