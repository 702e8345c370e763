#include "model/batch.h"

namespace frankentorch {

Batch Batch::last_tokens() const {
  Batch last;
  int64_t offset = 0;
  for (const auto& group : groups) {
    Group one = group;
    one.first_token = group.first_token + group.tokens - 1;
    one.tokens = 1;
    one.offset = offset;
    offset += one.packed_tokens();
    last.groups.push_back(std::move(one));
  }
  return last;
}

at::Tensor Batch::last_of(const at::Tensor& packed) const {
  std::vector<at::Tensor> last;
  for (const auto& group : groups) last.push_back(rows_of(group, packed).select(1, group.tokens - 1));
  return at::cat(last);
}

}  // namespace frankentorch
