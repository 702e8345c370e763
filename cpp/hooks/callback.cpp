#include "hooks/callback.h"

namespace frankentorch {

at::Tensor Callback::apply(at::Tensor value, const Passage& passage, const at::Tensor&) {
  const auto chosen = where_.of(value, passage);
  if (!chosen) return value;
  const Group* group = passage.group;
  Question question{value, where_.point, !group || group->prefill, first_token_of(passage), {}};
  if (group)
    for (const int64_t row : group->rows) question.rows.push_back(row - passage.attached.first);
  at::Tensor out = ask_(question);
  if (!out.defined()) return value;
  require_alike(out, value, where_.point);
  return where_.blend(value, std::move(out), *chosen);
}

}  // namespace frankentorch
