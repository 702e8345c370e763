#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "hooks/selection.h"
#include "tensor/program.h"

namespace frankentorch {

// A recorded program of one tensor as a hook: it gets the whole value and gives one of the same shape and dtype, kept
// where the selection says. Its random operators draw by seed, sample, point and step, and row by row, so what a row
// gets does not depend on how rows were batched. Its constants go where the value lies.
class Recorded : public Hook {
 public:
  Recorded(std::shared_ptr<const Program> program, Selection where, uint64_t seed)
      : program_(std::move(program)), where_(std::move(where)), seed_(seed) {}

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;

 private:
  at::Tensor by_rows(const at::Tensor& value, const Passage& passage);
  at::Tensor run(const at::Tensor& value, std::optional<uint64_t> salt);

  const Program& program_at(at::Device device);

  std::shared_ptr<const Program> program_;
  std::optional<std::pair<at::Device, Program>> moved_;
  Selection where_;
  uint64_t seed_;
};

}  // namespace frankentorch
