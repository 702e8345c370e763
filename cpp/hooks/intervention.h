#pragma once

#include <vector>

#include "hooks/selection.h"

namespace frankentorch {

// A change of what passes a point, where rows × positions × heads say; elsewhere the value stays as it is.
class Intervention : public Hook {
 public:
  enum class Kind { zero, add, replace, scale, noise, skip };

  struct Options {
    Kind kind = Kind::zero;
    Selection where;
    at::Tensor tensor;              // add, replace: of the value's rank, axes of its size or 1
    double factor = 1;              // scale
    double standard_deviation = 1;  // noise
    uint64_t seed = 0;              // noise: it depends on this, the point and the position alone
  };

  explicit Intervention(Options options) : options_(std::move(options)) {}

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;
  bool skips(const Passage& passage) const override;

 private:
  at::Tensor changed(const at::Tensor& value, const std::vector<int64_t>& tokens, const Passage& passage,
                     const at::Tensor& input) const;
  at::Tensor operand(const at::Tensor& value, const std::vector<int64_t>& tokens) const;
  at::Tensor noise(const at::Tensor& value, int64_t first_token) const;

  Options options_;
};

}  // namespace frankentorch
