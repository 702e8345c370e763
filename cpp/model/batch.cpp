#include "model/batch.h"

namespace frankentorch {
namespace {

int64_t read_tokens(const Group& group) {
  return group.read == 0 ? group.tokens : group.read;
}

}  // namespace

void Batch::read_last_tokens() {
  for (auto& group : groups) group.read = 1;
}

Batch Batch::read() const {
  Batch result;
  int64_t offset = 0;
  for (const auto& group : groups) {
    Group read = group;
    read.tokens = read_tokens(group);
    read.first_token = group.first_token + group.tokens - read.tokens;
    read.offset = offset;
    offset += read.packed_tokens();
    result.groups.push_back(std::move(read));
  }
  if (rotary.cos.defined()) result.rotary = {read_of(rotary.cos), read_of(rotary.sin)};
  return result;
}

at::Tensor Batch::read_of(const at::Tensor& packed) const {
  int64_t all = 0;
  for (const auto& group : groups) all += static_cast<int64_t>(group.rows.size()) * read_tokens(group);
  if (packed.size(0) == all) return packed;
  std::vector<at::Tensor> parts;
  for (const auto& group : groups) {
    const int64_t read = read_tokens(group);
    parts.push_back(rows_of(group, packed).narrow(1, group.tokens - read, read).flatten(0, 1));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

}  // namespace frankentorch
