#pragma once

#include <map>
#include <string>

#include "hooks/attachments.h"

namespace frankentorch {

// Keeps a copy of what leaves a point, row by row: [1, tokens, ...] or [1, heads, tokens, ...]. Attached last, it sees
// the value after the interventions there. Of the vision tower, which runs once for images and once for videos, it
// keeps both, images first.
class Capture : public Hook {
 public:
  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor&) override {
    const Group* group = passage.group;
    if (!group) {
      shared_ = shared_.defined() ? at::cat({shared_, value.detach()}, 1) : value.detach().clone();
      return value;
    }
    for (size_t i = 0; i < group->rows.size(); ++i)
      rows_[group->rows[i]] = value.narrow(0, static_cast<int64_t>(i), 1).detach().clone();
    return value;
  }

  // Undefined when the pass did not reach the point. The vision tower's values belong to all rows.
  at::Tensor of_row(int64_t row) const {
    const auto found = rows_.find(row);
    return found == rows_.end() ? shared_ : found->second;
  }

 private:
  std::map<int64_t, at::Tensor> rows_;
  at::Tensor shared_;
};

}  // namespace frankentorch
