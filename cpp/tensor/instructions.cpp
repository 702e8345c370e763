// What programs need beyond libtorch's operators, behind the same door.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/library.h>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

// A leaf of the autograd graph over the same memory.
at::Tensor leaf(const at::Tensor& self) {
  return self.detach().requires_grad_(true);
}

std::vector<at::Tensor> defined_or_empty(const c10::List<std::optional<at::Tensor>>& tensors) {
  std::vector<at::Tensor> result;
  for (const std::optional<at::Tensor> tensor : tensors) result.push_back(tensor.value_or(at::Tensor()));
  return result;
}

std::vector<at::Tensor> grad(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                             const c10::List<std::optional<at::Tensor>>& grad_outputs, bool retain_graph,
                             bool create_graph, bool allow_unused) {
  auto gradients =
      torch::autograd::grad(outputs, inputs, defined_or_empty(grad_outputs), retain_graph, create_graph, allow_unused);
  for (size_t i = 0; i < gradients.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = at::zeros_like(inputs[i]);
  return gradients;
}

void backward(const std::vector<at::Tensor>& outputs, const c10::List<std::optional<at::Tensor>>& grad_outputs,
              bool retain_graph, bool create_graph) {
  torch::autograd::backward(outputs, defined_or_empty(grad_outputs), retain_graph, create_graph);
}

at::Tensor accumulated_grad(const at::Tensor& self) {
  if (!self.grad().defined())
    fail("ERR_INVALID_ARGUMENT",
         "Expected a tensor with an accumulated gradient; only leaves that require gradients have one, after "
         "backward()");
  return self.grad();
}

void zero_grad(const at::Tensor& self) {
  self.mutable_grad().reset();
}

at::Tensor list_item(const std::vector<at::Tensor>& list, int64_t index) {
  const auto size = static_cast<int64_t>(list.size());
  if (index < -size || index >= size)
    fail("ERR_INVALID_ARGUMENT", "Expected an index into a list of ", size, " tensors but received ", index);
  return list[index < 0 ? index + size : index];
}

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == 0) fail("ERR_INVALID_ARGUMENT", "Expected a divisor other than 0 for a size");
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("leaf(Tensor(a) self) -> Tensor(a)", leaf);
  library.def(
      "grad(Tensor[] outputs, Tensor[] inputs, Tensor?[] grad_outputs, bool retain_graph, bool create_graph, bool "
      "allow_unused) -> Tensor[]",
      grad);
  library.def("backward(Tensor[] outputs, Tensor?[] grad_outputs, bool retain_graph, bool create_graph) -> ()",
              backward);
  library.def("accumulated_grad(Tensor self) -> Tensor", accumulated_grad);
  library.def("zero_grad(Tensor self) -> ()", zero_grad);
  library.def("list_item(Tensor[] list, int index) -> Tensor", list_item);
  library.def("int_add(int a, int b) -> int", [](int64_t a, int64_t b) { return a + b; });
  library.def("int_sub(int a, int b) -> int", [](int64_t a, int64_t b) { return a - b; });
  library.def("int_mul(int a, int b) -> int", [](int64_t a, int64_t b) { return a * b; });
  library.def("int_floor_divide(int a, int b) -> int", floor_divide);
}

}  // namespace
}  // namespace frankentorch
