#include "hooks/recorded.h"

namespace frankentorch {

at::Tensor Recorded::apply(at::Tensor value, const Passage& passage, const at::Tensor&) {
  const auto chosen = where_.of(value, passage);
  if (!chosen) return value;
  at::Tensor out = program_->random() ? by_rows(value, passage) : run(value, std::nullopt);
  return where_.blend(value, std::move(out), *chosen);
}

at::Tensor Recorded::by_rows(const at::Tensor& value, const Passage& passage) {
  std::vector<at::Tensor> rows;
  for (int64_t r = 0; r < value.size(0); ++r) {
    const at::Tensor row = value.narrow(0, r, 1);
    const Positions* positions = where_.positions_of(passage, r);
    if (!positions) {
      rows.push_back(row);
      continue;
    }
    const auto step = static_cast<uint64_t>(first_token_of(passage));
    const uint64_t salt = mixed(mixed(mixed(seed_, positions->sample), hash_of(where_.point)), step);
    rows.push_back(run(row, salt));
  }
  return rows.size() == 1 ? rows[0] : at::cat(rows);
}

at::Tensor Recorded::run(const at::Tensor& value, std::optional<uint64_t> salt) {
  at::Tensor out = program_at(value.device()).run({value}, {.turn = nullptr, .salt = salt}).at(0).toTensor();
  require_alike(out, value, where_.point);
  return out;
}

// Constants that are being learned change between passes, so they are moved anew for each.
const Program& Recorded::program_at(at::Device device) {
  if (device.is_cpu()) return *program_;
  if (!moved_ || moved_->first != device || program_->differentiates())
    moved_.emplace(device, program_->with_constants_on(device));
  return moved_->second;
}

}  // namespace frankentorch
