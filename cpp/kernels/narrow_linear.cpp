#include "kernels/narrow_linear.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "kernels/clones.h"
#include "kernels/fused.h"
#include "kernels/product.h"

namespace frankentorch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kMostWeights = int64_t{1} << 16;
constexpr int64_t kFewestRows = 64;  // below, turning W around takes longer than it saves
constexpr int64_t kPanel = 64;       // rows of x, or of its gradient, that stay in the first-level cache

// target_clones takes no templates.
FRANKENTORCH_CLONES void run(Strided<float> a, Rows<const float> b, int64_t rows, int64_t depth, int64_t columns,
                             Rows<float> y) {
  add_product(a, b, rows, depth, columns, y);
}

FRANKENTORCH_CLONES void run(Strided<double> a, Rows<const double> b, int64_t rows, int64_t depth, int64_t columns,
                             Rows<double> y) {
  add_product(a, b, rows, depth, columns, y);
}

// y += x · w. x: [rows, depth], w: [depth, columns], y: [rows, columns], contiguous
template <class Number>
void add_rows(const at::Tensor& x, const at::Tensor& w, at::Tensor& y) {
  const int64_t depth = w.size(0), columns = w.size(1);
  const auto *of_x = x.const_data_ptr<Number>(), *of_w = w.const_data_ptr<Number>();
  auto* of_y = y.mutable_data_ptr<Number>();
  at::parallel_for(0, x.size(0), rows_worth_a_thread(depth), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += kPanel)
      run({of_x + row * depth, depth, 1}, {of_w, columns}, std::min(kPanel, end - row), depth, columns,
          {of_y + row * columns, columns});
  });
}

// Σ over rows of gradient[row]ᵀ · x[row]. gradient: [rows, out], x: [rows, in] -> [out, in]
template <class Number>
at::Tensor outer_products(const at::Tensor& gradient, const at::Tensor& x) {
  const int64_t out = gradient.size(1), in = x.size(1);
  at::Tensor sums = at::zeros({at::get_num_threads(), out, in}, x.options());
  const auto *of_gradient = gradient.const_data_ptr<Number>(), *of_x = x.const_data_ptr<Number>();
  auto* of_sums = sums.mutable_data_ptr<Number>();
  at::parallel_for(0, x.size(0), rows_worth_a_thread(in), [&](int64_t begin, int64_t end) {
    auto* own = of_sums + at::get_thread_num() * out * in;
    for (int64_t row = begin; row < end; row += kPanel)
      run({of_gradient + row * out, 1, out}, {of_x + row * in, in}, out, std::min(kPanel, end - row), in, {own, in});
  });
  return sums.size(0) == 1 ? sums[0] : sums.sum(0);
}

at::Tensor product(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b = {}) {
  at::Tensor y =
      b.defined() ? b.expand({x.size(0), w.size(1)}).contiguous() : at::zeros({x.size(0), w.size(1)}, x.options());
  for_dtype(x.scalar_type(), [&](auto zero) { add_rows<decltype(zero)>(x, w, y); });
  return y;
}

class NarrowLinear : public torch::autograd::Function<NarrowLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& w,
                            const std::optional<at::Tensor>& b) {
    const at::Tensor x = given.contiguous();
    context->save_for_backward({x, w});
    context->saved_data["bias"] = b.has_value() && b->defined();
    return product(x, w.t().contiguous(), b.value_or(at::Tensor()));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1], gradient = gradients[0].contiguous();
    return {context->needs_input_grad(0) ? product(gradient, w.contiguous()) : at::Tensor(),
            context->needs_input_grad(1)
                ? for_dtype(x.scalar_type(), [&](auto zero) { return outer_products<decltype(zero)>(gradient, x); })
                : at::Tensor(),
            context->saved_data["bias"].toBool() && context->needs_input_grad(2) ? gradient.sum(0) : at::Tensor()};
  }
};

}  // namespace

bool has_narrow_linear(const at::Tensor& x, const at::Tensor& w) {
  return is_float_or_double(x) && x.is_cpu() && w.scalar_type() == x.scalar_type() && x.dim() == 2 && w.dim() == 2 &&
         x.size(1) == w.size(1) && x.size(0) >= kFewestRows && w.numel() > 0 && w.numel() <= kMostWeights &&
         w.size(0) % 16 == 0 && w.size(1) % 16 == 0;
}

at::Tensor narrow_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b) {
  return NarrowLinear::apply(x, w, b);
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("narrow_linear(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor",
              [](const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b) {
                TORCH_CHECK(has_narrow_linear(x, w), "Expected a narrow linear layer");
                return narrow_linear(x, w, b);
              });
}

}  // namespace frankentorch
