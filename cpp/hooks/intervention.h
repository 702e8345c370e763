#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hooks/attachments.h"

namespace frankentorch {

// Tokens of one row by their absolute positions: all from `first` on, or those listed.
struct Positions {
  int64_t first = 0;
  std::optional<std::vector<int64_t>> listed;
  std::vector<int64_t> sources;  // for each listed one its token in the tensor; empty: the tensor has one for all

  bool open_from(int64_t position) const { return !listed && first <= position; }
};

// A change of what passes a point, where rows × positions × heads say; elsewhere the value stays as it is.
class Intervention : public Hook {
 public:
  enum class Kind { zero, add, replace, scale, noise, skip };
  enum class Steps { prefill, decode, all };

  struct Options {
    std::string point;
    Kind kind = Kind::zero;
    Steps steps = Steps::all;
    std::map<int64_t, Positions> rows;  // counted from the first row it is attached for; the vision tower's is 0
    std::optional<std::vector<int64_t>> heads;  // none: all, or the point has no such axis
    at::Tensor tensor;                          // add, replace: of the value's rank, axes of its size or 1
    double factor = 1;                          // scale
    double standard_deviation = 1;              // noise
    uint64_t seed = 0;                          // noise: it depends on this, the point and the position alone
  };

  explicit Intervention(Options options) : options_(std::move(options)) {}

  at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) override;
  bool skips(const Passage& passage) const override;

 private:
  // Of every token of every row: -1 where it stays, else its token in the tensor.
  std::vector<int64_t> selected(const Passage& passage, int64_t rows, int64_t tokens) const;
  bool acts_at(const Passage& passage) const;
  const Positions* positions_of(const Passage& passage, int64_t row) const;
  at::Tensor changed(const at::Tensor& value, const std::vector<int64_t>& tokens, const Passage& passage,
                     const at::Tensor& input) const;
  at::Tensor operand(const at::Tensor& value, const std::vector<int64_t>& tokens) const;
  at::Tensor noise(const at::Tensor& value, int64_t first_token) const;
  at::Tensor mask(const at::Tensor& value, const std::vector<int64_t>& tokens) const;

  Options options_;
};

}  // namespace frankentorch
