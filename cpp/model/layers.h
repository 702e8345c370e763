#pragma once

#include <string>

#include "kernels/fused.h"
#include "kernels/narrow_linear.h"
#include "kernels/rms_norm.h"
#include "kernels/small_batch_linear.h"
#include "kernels/swiglu.h"
#include "model/parameters.h"
#include "pch.h"

namespace frankentorch {

// Rows of x. at::index rather than index_select, which has no kernel on the meta device.
inline at::Tensor take_rows(const at::Tensor& x, const at::Tensor& rows) {
  return at::index(x, {rows});
}

// y = x Wᵀ + b. x: [rows, in], w: [out, in]
inline at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b = {}) {
  if (has_small_batch_linear(x, w)) return small_batch_linear(x, w, b);
  return has_narrow_linear(x, w) ? narrow_linear(x, w, b) : at::linear(x, w, b);
}

class Linear {
 public:
  Linear(const Parameters& parameters, const std::string& name)
      : weight_(&parameters[name + ".weight"]),
        bias_(parameters.contains(name + ".bias") ? &parameters[name + ".bias"] : nullptr) {}

  at::Tensor operator()(const at::Tensor& x) const {
    return frankentorch::linear(x, *weight_, bias_ ? *bias_ : at::Tensor());
  }

 private:
  const at::Tensor* weight_;
  const at::Tensor* bias_;
};

// down(silu(gate(x)) · up(x))
class SwiGlu {
 public:
  SwiGlu(const Parameters& parameters, const std::string& name)
      : gate_(parameters, name + ".gate_proj"),
        up_(parameters, name + ".up_proj"),
        down_(parameters, name + ".down_proj") {}

  at::Tensor operator()(const at::Tensor& x) const { return down_(swiglu(gate_(x), up_(x))); }

 private:
  Linear gate_, up_, down_;
};

}  // namespace frankentorch
