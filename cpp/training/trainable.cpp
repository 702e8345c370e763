#include "training/trainable.h"

#include <cmath>

#include "model/layers.h"
#include "runtime/failure.h"

namespace frankentorch {

TrainableParameters::TrainableParameters(Qwen2_5_VL& model, const std::vector<std::string>& names) : model_(model) {
  for (const auto& name : names) {
    const at::Tensor& stored = model.parameters()[name];
    Parameter parameter;
    parameter.value = stored.detach().clone(at::MemoryFormat::Contiguous).requires_grad_(true);
    const bool half = accumulation_type(stored.scalar_type()) != stored.scalar_type();
    parameter.master = half ? stored.to(at::kFloat).contiguous() : parameter.value.detach();
    parameters_.emplace(name, std::move(parameter));
  }
  for (const auto& [name, parameter] : parameters_) model_.set_parameter(name, parameter.value);
}

TrainableParameters::~TrainableParameters() {
  for (auto& [name, parameter] : parameters_) model_.set_parameter(name, parameter.value.detach());
}

void TrainableParameters::zero_gradients() {
  for (auto& [name, parameter] : parameters_) {
    parameter.value.mutable_grad().reset();
    parameter.gradient.reset();
  }
}

void TrainableParameters::collect_gradients() {
  for (auto& [name, parameter] : parameters_) {
    at::Tensor& fresh = parameter.value.mutable_grad();
    if (!fresh.defined()) continue;
    if (parameter.gradient.defined())
      parameter.gradient.add_(fresh);
    else
      parameter.gradient = fresh.to(parameter.master.scalar_type());
    fresh.reset();
  }
}

std::vector<std::string> TrainableParameters::without_gradient() const {
  std::vector<std::string> names;
  for (const auto& [name, parameter] : parameters_)
    if (!parameter.gradient.defined()) names.push_back(name);
  return names;
}

double TrainableParameters::update(const Options& options) {
  std::vector<at::Tensor> gradients;
  for (auto& [name, parameter] : parameters_)
    if (parameter.gradient.defined()) gradients.push_back(parameter.gradient);
  double norm = 0;
  if (!gradients.empty()) {
    const auto norms = at::_foreach_norm(gradients, 2);
    norm = at::linalg_vector_norm(at::stack(norms).to(at::kDouble)).item<double>();
  }
  if (!std::isfinite(norm)) return norm;

  AdamWOptions adamw_options = options.adamw;
  // The same ε as torch.nn.utils.clip_grad_norm_
  if (options.max_gradient_norm)
    adamw_options.gradient_scale = std::min(1.0, *options.max_gradient_norm / (norm + 1e-6));
  ++steps_;
  for (auto& [name, parameter] : parameters_) {
    if (!parameter.gradient.defined()) continue;
    if (!parameter.m.defined()) {
      parameter.m = at::zeros_like(parameter.master);
      parameter.v = at::zeros_like(parameter.master);
    }
    const bool half = parameter.master.scalar_type() != parameter.value.scalar_type();
    adamw(parameter.master, parameter.gradient, parameter.m, parameter.v,
          half ? parameter.value.detach() : at::Tensor(), steps_, adamw_options);
  }
  zero_gradients();
  return norm;
}

const TrainableParameters::Parameter& TrainableParameters::at(const std::string& name) const {
  const auto found = parameters_.find(name);
  if (found == parameters_.end())
    fail("ERR_UNKNOWN_PARAMETER", "Expected the name of a parameter being trained but received '", name, "'");
  return found->second;
}

at::Tensor TrainableParameters::get(const std::string& name, Part part) const {
  const Parameter& parameter = at(name);
  switch (part) {
    case Part::gradient:
      return parameter.gradient;
    case Part::m:
      return parameter.m.defined() ? parameter.m : at::zeros_like(parameter.master);
    case Part::v:
      return parameter.v.defined() ? parameter.v : at::zeros_like(parameter.master);
    default:
      return parameter.master;
  }
}

void TrainableParameters::set(const std::string& name, Part part, const at::Tensor& value) {
  auto& parameter = const_cast<Parameter&>(at(name));
  const at::Tensor& like = parameter.master;
  if (value.sizes() != like.sizes())
    fail("ERR_SHAPE_MISMATCH", "Expected shape ", like.sizes(), " for ", name, " but received ", value.sizes());
  switch (part) {
    case Part::value:
      parameter.master.copy_(value);
      if (parameter.master.scalar_type() != parameter.value.scalar_type()) parameter.value.detach().copy_(value);
      break;
    case Part::gradient:
      parameter.gradient = value.to(like.options(), /*non_blocking=*/false, /*copy=*/true);
      break;
    case Part::m:
      parameter.m = value.to(like.options(), /*non_blocking=*/false, /*copy=*/true);
      break;
    case Part::v:
      parameter.v = value.to(like.options(), /*non_blocking=*/false, /*copy=*/true);
      break;
  }
}

}  // namespace frankentorch
