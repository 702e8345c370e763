#include "training/recompute.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace frankentorch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Forward = std::function<at::Tensor(const at::Tensor&)>;

struct Held : torch::CustomClassHolder {
  explicit Held(Forward f) : f(std::move(f)) {}
  Forward f;
};

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  // `anchor` requires gradients, so that the result does even where x does not and only the parameters in f do.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& anchor,
                            const c10::intrusive_ptr<Held>& held) {
    (void)anchor;
    context->save_for_backward({x});
    context->saved_data["f"] = c10::IValue::make_capsule(held);
    return held->f(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto capsule = context->saved_data["f"].toCapsule();
    const bool of_x = context->needs_input_grad(0);
    at::AutoGradMode grad(true);
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_(of_x);
    const at::Tensor y = static_cast<Held&>(*capsule).f(x);
    torch::autograd::backward({y}, {gradients[0]});
    return {of_x ? x.grad() : at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor recomputed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor&)> f) {
  const at::Tensor anchor = at::empty({0}, at::kFloat).requires_grad_(true);
  return Recomputed::apply(x, anchor, c10::make_intrusive<Held>(std::move(f)));
}

}  // namespace frankentorch
