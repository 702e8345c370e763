#pragma once

#include <string>
#include <string_view>

#include "pch.h"

namespace frankentorch {

struct Batch;

// Someone who looks at, or changes, values as they pass the named points of a forward pass.
class Observer {
 public:
  virtual ~Observer() = default;

  // The values that follow belong to the tokens of this batch, or to the visuals of its rows.
  enum class Stage { visuals, tokens };
  virtual void enter(const Batch& batch, Stage stage) = 0;

  // `value` is packed over all rows ([tokens, ...]) when `group` is negative, else it belongs to that group ([rows,
  // heads, tokens, ...]). Where it leaves a module, `input` is what the module was given; elsewhere it is undefined.
  virtual at::Tensor observe(const std::string& point, at::Tensor value, int64_t group, const at::Tensor& input) = 0;

  // Asked before a module is computed: whether its output will be its input, so that it need not be.
  virtual bool skips(const std::string& module) const = 0;

  // Whether anything that goes into this module, passes in it or leaves it is looked at.
  virtual bool looks_at(const std::string& module) const = 0;

  // Asked before a value is made that costs extra, such as attention weights.
  virtual bool wants(const std::string& point) const = 0;
};

// A place in the module tree. `at(".mlp", value)` names the value a point and hands it to the observer, if there is
// one; without one it costs a branch. A point is spelled as the module path of the Hugging Face model; `:input` names
// what goes into the module.
class Points {
 public:
  explicit Points(Observer* observer = nullptr) : observer_(observer) {}

  Points in(std::string_view name, int64_t index = -1) const { return Points(*this, name, index, group_); }
  Points of_group(int64_t group) const { return Points(*this, "", -1, group); }

  at::Tensor operator()(std::string_view name, at::Tensor value) const {
    if (!observer_) return value;
    return observer_->observe(path(name), std::move(value), group_, {});
  }

  bool watched(std::string_view name) const { return observer_ && observer_->wants(path(name)); }

  // Whether anything of the module is: its input, its output or a point inside.
  bool looked_at(std::string_view module) const { return observer_ && observer_->looks_at(path(module)); }

  // The value that leaves `module(input)`, with the points of its input and output.
  template <class Module>
  at::Tensor through(std::string_view name, at::Tensor input, Module&& module) const {
    const Points here = in(name);
    if (!observer_) return module(input, here);
    input = here(":input", std::move(input));
    const std::string point = here.path("");
    at::Tensor output = observer_->skips(point) ? input : module(input, here);
    return observer_->observe(point, std::move(output), group_, input);
  }

 private:
  Points(const Points& parent, std::string_view name, int64_t index, int64_t group)
      : observer_(parent.observer_), parent_(&parent), name_(name), index_(index), group_(group) {}

  std::string path(std::string_view last) const {
    std::string text = parent_ ? parent_->path(name_) : std::string(name_);
    if (index_ >= 0) text.append(".").append(std::to_string(index_));
    return text.append(last);
  }

  Observer* observer_ = nullptr;
  const Points* parent_ = nullptr;  // lives in a caller's frame, as the pass itself does
  std::string_view name_;
  int64_t index_ = -1;
  int64_t group_ = -1;
};

}  // namespace frankentorch
