#include "hooks/attachments.h"

#include <algorithm>

namespace frankentorch {

at::Tensor Attachments::run(const std::vector<Attached>& hooks, at::Tensor value, const Group& group,
                            const at::Tensor& input) const {
  for (const auto& [hook, rows] : hooks)
    if (rows.contains(group.rows.front()))
      value = hook->apply(std::move(value), {stage_ == Stage::tokens ? &group : nullptr, rows}, input);
  return value;
}

void Attachments::detach(RowRange rows) {
  for (auto& [point, hooks] : hooks_)
    std::erase_if(hooks, [&](const Attached& attached) {
      return attached.rows.first == rows.first && attached.rows.end == rows.end;
    });
  std::erase_if(hooks_, [](const auto& entry) { return entry.second.empty(); });
}

at::Tensor Attachments::observe(const std::string& point, at::Tensor value, int64_t group, const at::Tensor& input) {
  const auto found = hooks_.find(point);
  if (found == hooks_.end()) return value;
  if (stage_ == Stage::visuals) {
    const at::Tensor all = input.defined() ? input.unsqueeze(0) : input;
    return run(found->second, value.unsqueeze(0), batch_->groups.front(), all).squeeze(0);
  }
  if (group >= 0) return run(found->second, std::move(value), batch_->groups[group], input);

  if (batch_->groups.size() == 1) {  // no copy to put groups together again
    const Group& all = batch_->groups.front();
    const at::Tensor rows = Batch::rows_of(all, value);
    const at::Tensor after = run(found->second, rows, all, input.defined() ? Batch::rows_of(all, input) : input);
    return after.is_same(rows) ? value : after.flatten(0, 1);
  }
  std::vector<at::Tensor> parts;
  bool changed = false;
  for (const auto& rows : batch_->groups) {
    const at::Tensor before = Batch::rows_of(rows, value);
    at::Tensor after = run(found->second, before, rows, input.defined() ? Batch::rows_of(rows, input) : input);
    changed |= !after.is_same(before);
    parts.push_back(after.flatten(0, 1));
  }
  return changed ? at::cat(parts) : value;
}

bool Attachments::skips(const std::string& module) const {
  const auto found = hooks_.find(module);
  if (found == hooks_.end() || looks_inside(module)) return false;
  auto skipped = [&](const Group& group) {
    return std::ranges::any_of(found->second, [&](const Attached& attached) {
      return attached.rows.contains(group.rows.front()) &&
             attached.hook->skips({stage_ == Stage::tokens ? &group : nullptr, attached.rows});
    });
  };
  // What runs through the vision tower belongs to all rows.
  if (stage_ == Stage::visuals) return skipped(batch_->groups.front());
  return std::ranges::all_of(batch_->groups, skipped);
}

bool Attachments::looks_at(const std::string& module) const {
  return hooks_.count(module) > 0 || hooks_.count(module + ":input") > 0 || looks_inside(module);
}

bool Attachments::looks_inside(const std::string& module) const {
  const std::string prefix = module + ".";
  return std::ranges::any_of(hooks_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

}  // namespace frankentorch
