#include "hooks/attachments.h"

namespace frankentorch {

at::Tensor Attachments::run(const std::vector<Attached>& hooks, at::Tensor value, const Group& group, Stage stage) {
  for (const auto& [hook, rows] : hooks)
    if (rows.contains(group.rows.front()))
      value = hook->apply(std::move(value), stage == Stage::tokens ? &group : nullptr);
  return value;
}

void Attachments::detach(RowRange rows) {
  for (auto& [point, hooks] : hooks_)
    std::erase_if(hooks, [&](const Attached& attached) {
      return attached.rows.first == rows.first && attached.rows.end == rows.end;
    });
  std::erase_if(hooks_, [](const auto& entry) { return entry.second.empty(); });
}

at::Tensor Attachments::observe(const std::string& point, at::Tensor value, int64_t group) {
  const auto found = hooks_.find(point);
  if (found == hooks_.end()) return value;
  if (stage_ == Stage::visuals)
    return run(found->second, value.unsqueeze(0), batch_->groups.front(), stage_).squeeze(0);
  if (group >= 0) return run(found->second, std::move(value), batch_->groups[group], stage_);

  std::vector<at::Tensor> parts;
  bool changed = false;
  for (const auto& rows : batch_->groups) {
    const at::Tensor before = Batch::rows_of(rows, value);
    at::Tensor after = run(found->second, before, rows, stage_);
    changed |= !after.is_same(before);
    parts.push_back(after.flatten(0, 1));
  }
  return changed ? at::cat(parts) : value;
}

}  // namespace frankentorch
