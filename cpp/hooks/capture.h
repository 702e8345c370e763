#pragma once

#include <map>
#include <string>

#include "hooks/attachments.h"

namespace frankentorch {

// Keeps what leaves a point, row by row: [1, tokens, ...] or [1, heads, tokens, ...]. Attached last, it sees the value
// after the interventions there. Of the vision tower, which runs once for images and once for videos, it keeps both,
// images first.
//
// What it keeps is a copy or, with `grad`, the very value that flows on, so that gradients reach it; one to which no
// gradients flow yet becomes a leaf that asks for them.
class Capture : public Hook {
 public:
  explicit Capture(bool grad = false) : grad_(grad) {}

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;

  // Undefined when the pass did not reach the point. The vision tower's values belong to all rows.
  at::Tensor of_row(int64_t row) const {
    const auto found = rows_.find(row);
    return found == rows_.end() ? shared_ : found->second;
  }

 private:
  at::Tensor kept(const at::Tensor& value) const;

  bool grad_;
  std::map<int64_t, at::Tensor> rows_;
  at::Tensor shared_;
};

}  // namespace frankentorch
