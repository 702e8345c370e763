#include "hooks/capture.h"

#include "runtime/failure.h"

namespace frankentorch {

at::Tensor Capture::apply(at::Tensor value, const Passage& passage, const at::Tensor&) {
  const Group* group = passage.group;
  if (!group) {
    if (grad_ && shared_.defined())
      fail("ERR_INVALID_ARGUMENT", "Expected images or videos, not both, to keep the gradients of the vision tower");
    const at::Tensor fresh = kept(value);
    shared_ = shared_.defined() ? at::cat({shared_, fresh}, 1) : fresh;
    return grad_ ? fresh : value;
  }
  std::vector<at::Tensor> rows;
  for (size_t i = 0; i < group->rows.size(); ++i) {
    rows.push_back(kept(group->rows.size() == 1 ? value : value.narrow(0, static_cast<int64_t>(i), 1)));
    rows_[group->rows[i]] = rows.back();
  }
  if (!grad_) return value;
  return rows.size() == 1 ? rows[0] : at::cat(rows);
}

at::Tensor Capture::kept(const at::Tensor& value) const {
  if (!grad_) return value.detach().clone();
  if (!value.requires_grad()) return value.detach().clone().requires_grad_(true);
  const at::Tensor own = value.clone();  // a view would share its gradient with the whole
  own.retain_grad();
  return own;
}

}  // namespace frankentorch
