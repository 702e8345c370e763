#pragma once

#include <functional>

#include "hooks/selection.h"

namespace frankentorch {

// A function that the pass waits for, as a hook. It gets the whole value and gives one of the same shape and dtype,
// kept where the selection says, or an undefined tensor, which leaves the value as it is.
class Callback : public Hook {
 public:
  struct Question {
    at::Tensor value;
    std::string point;
    bool prefill;
    int64_t first_token;
    std::vector<int64_t> rows;  // of those it is attached for; empty inside the vision tower
  };
  using Ask = std::function<at::Tensor(const Question&)>;

  Callback(Ask ask, Selection where) : ask_(std::move(ask)), where_(std::move(where)) {}

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;

 private:
  Ask ask_;
  Selection where_;
};

}  // namespace frankentorch
