#pragma once

#include <map>
#include <string>

#include "pch.h"
#include "runtime/failure.h"

namespace frankentorch {

// Every parameter of a model by its internal name (the spelling of points). Modules keep references into the map, so
// replacing an entry (an edit, a graft, a trainable copy) is seen by the next forward pass.
class Parameters {
 public:
  void set(const std::string& name, at::Tensor value) { tensors_[name] = std::move(value); }

  const at::Tensor& operator[](const std::string& name) const {
    auto found = tensors_.find(name);
    if (found == tensors_.end())
      fail("ERR_CHECKPOINT_PARAMETERS", "Expected parameter ", name, " but the checkpoint lacks it");
    return found->second;
  }

  bool contains(const std::string& name) const { return tensors_.count(name) > 0; }
  const std::map<std::string, at::Tensor>& all() const { return tensors_; }

  // The same names with shapes and dtypes only, to run a forward pass that computes nothing.
  Parameters on_meta() const {
    Parameters meta;
    for (const auto& [name, value] : tensors_) meta.set(name, at::empty_like(value, value.options().device(at::kMeta)));
    return meta;
  }

 private:
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace frankentorch
