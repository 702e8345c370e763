#pragma once

#include <memory>

#include "hooks/selection.h"
#include "tensor/program.h"

namespace frankentorch {

// A recorded program of one tensor as a hook: it gets the whole value and gives one of the same shape and dtype, kept
// where the selection says. Its random operators draw by seed, sample, point and step, and row by row, so what a row
// gets does not depend on how rows were batched.
class Recorded : public Hook {
 public:
  Recorded(std::shared_ptr<const Program> program, Selection where, uint64_t seed)
      : program_(std::move(program)), where_(std::move(where)), seed_(seed) {}

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;

 private:
  at::Tensor by_rows(const at::Tensor& value, const Passage& passage) const;
  at::Tensor run(const at::Tensor& value, std::optional<uint64_t> salt) const;

  std::shared_ptr<const Program> program_;
  Selection where_;
  uint64_t seed_;
};

}  // namespace frankentorch
