#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/qwen2_5_vl.h"
#include "pch.h"
#include "training/adamw.h"

namespace frankentorch {

// Parameters being trained, their gradients and AdamW's state. A model in float32 or float64 is trained in its own
// dtype; one in a half type keeps float32 masters, which the optimizer moves and whose roundings the model computes
// with.
class TrainableParameters {
 public:
  TrainableParameters(Qwen2_5_VL& model, const std::vector<std::string>& names);
  // What was learned stays in the model, as constants.
  ~TrainableParameters();
  TrainableParameters(const TrainableParameters&) = delete;
  TrainableParameters& operator=(const TrainableParameters&) = delete;

  void zero_gradients();
  // Moves what the backward pass left in the parameters to the sums of this step.
  void collect_gradients();
  std::vector<std::string> without_gradient() const;

  struct Options {
    AdamWOptions adamw;
    std::optional<double> max_gradient_norm;
  };
  // One optimizer step, after which gradients are zero. Returns the norm of all gradients before clipping; one that is
  // not finite leaves everything as it was.
  double update(const Options& options);

  enum class Part { value, gradient, m, v };
  // Undefined for a gradient that there is not.
  at::Tensor get(const std::string& name, Part part) const;
  void set(const std::string& name, Part part, const at::Tensor& value);
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  bool contains(const std::string& name) const { return parameters_.count(name) > 0; }

 private:
  struct Parameter {
    at::Tensor value;     // the model's, which requires gradients
    at::Tensor master;    // float32 beside a half type, else the value's own memory
    at::Tensor gradient;  // undefined: none yet
    at::Tensor m, v;      // undefined: zeros
  };
  const Parameter& at(const std::string& name) const;

  Qwen2_5_VL& model_;
  std::map<std::string, Parameter> parameters_;
  int64_t steps_ = 0;
};

}  // namespace frankentorch
