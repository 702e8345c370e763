#include "kernels/with_gradients.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "kernels/clones.h"
#include "kernels/fused.h"

namespace frankentorch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// `work(begin, end)` on rows of `width` elements, by several threads where there is enough.
template <class Work>
void over_rows(int64_t rows, int64_t width, Work work) {
  at::parallel_for(0, rows, rows_worth_a_thread(width), work);
}

template <class T>
struct RmsForward {
  const T *x, *weight;
  T *y, *scale;
  int64_t width;
  T eps;

  inline __attribute__((always_inline)) void operator()(int64_t begin, int64_t end) const {
    for (int64_t row = begin; row < end; ++row) {
      const T* __restrict from = x + row * width;
      T* __restrict to = y + row * width;
      T squares = 0;
#pragma omp simd reduction(+ : squares)
      for (int64_t i = 0; i < width; ++i) squares += from[i] * from[i];
      const T s = 1 / std::sqrt(squares / static_cast<T>(width) + eps);
      scale[row] = s;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) to[i] = weight[i] * (from[i] * s);
    }
  }
};

// With s = 1 / sqrt(mean(x²) + eps) and h = weight · gradient: to_x = s · h − x · s³ · mean(h · x); to_weight is the
// sum over rows of gradient · x · s.
template <class T>
struct RmsBackward {
  const T *x, *weight, *scale, *gradient;
  T* to_x;
  T* to_weight;  // of each thread, zeros at first
  int64_t width;

  inline __attribute__((always_inline)) void operator()(int64_t begin, int64_t end, T* sums) const {
    for (int64_t row = begin; row < end; ++row) {
      const T* __restrict from = x + row * width;
      const T* __restrict g = gradient + row * width;
      T* __restrict to = to_x + row * width;
      const T s = scale[row];
      T along = 0;
#pragma omp simd reduction(+ : along)
      for (int64_t i = 0; i < width; ++i) {
        along += weight[i] * g[i] * from[i];
        sums[i] += g[i] * from[i] * s;
      }
      const T pull = s * s * s * along / static_cast<T>(width);
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) to[i] = s * weight[i] * g[i] - pull * from[i];
    }
  }
};

template <class T>
struct SiluForward {
  const T *gate, *up, *sigmoid;
  T* y;

  inline __attribute__((always_inline)) void operator()(int64_t begin, int64_t end) const {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = gate[i] * sigmoid[i] * up[i];
  }
};

template <class T>
struct SiluBackward {
  const T *gate, *up, *sigmoid, *gradient;
  T *to_gate, *to_up;

  inline __attribute__((always_inline)) void operator()(int64_t begin, int64_t end) const {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T s = sigmoid[i], g = gradient[i];
      to_up[i] = g * gate[i] * s;
      to_gate[i] = g * up[i] * s * (1 + gate[i] * (1 - s));
    }
  }
};

// One token: (a, b) -> (a · cos − b · sin, b · cos + a · sin); the other way round with the transposed matrix.
template <class T>
struct Rotation {
  const T *x, *cos, *sin;
  T* y;
  int64_t heads, width, token_stride, head_stride;  // of x; y is contiguous
  bool transposed;

  inline __attribute__((always_inline)) void operator()(int64_t begin, int64_t end) const {
    const int64_t half = width / 2;
    for (int64_t token = begin; token < end; ++token) {
      const T* __restrict c = cos + token * width;
      const T* __restrict s = sin + token * width;
      for (int64_t head = 0; head < heads; ++head) {
        const T* __restrict from = x + token * token_stride + head * head_stride;
        T* __restrict to = y + (token * heads + head) * width;
        if (transposed) {
#pragma omp simd
          for (int64_t i = 0; i < half; ++i) {
            to[i] = from[i] * c[i] + from[i + half] * s[i + half];
            to[i + half] = from[i + half] * c[i + half] - from[i] * s[i];
          }
        } else {
#pragma omp simd
          for (int64_t i = 0; i < half; ++i) {
            to[i] = from[i] * c[i] - from[i + half] * s[i];
            to[i + half] = from[i + half] * c[i + half] + from[i] * s[i + half];
          }
        }
      }
    }
  }
};

// target_clones takes no templates.
#define FRANKENTORCH_EACH_REAL(Work)                                                                      \
  FRANKENTORCH_CLONES void run(const Work<float>& work, int64_t begin, int64_t end) { work(begin, end); } \
  FRANKENTORCH_CLONES void run(const Work<double>& work, int64_t begin, int64_t end) { work(begin, end); }
FRANKENTORCH_EACH_REAL(RmsForward)
FRANKENTORCH_EACH_REAL(SiluForward)
FRANKENTORCH_EACH_REAL(SiluBackward)
FRANKENTORCH_EACH_REAL(Rotation)
#undef FRANKENTORCH_EACH_REAL
FRANKENTORCH_CLONES void run(const RmsBackward<float>& work, int64_t begin, int64_t end, float* sums) {
  work(begin, end, sums);
}
FRANKENTORCH_CLONES void run(const RmsBackward<double>& work, int64_t begin, int64_t end, double* sums) {
  work(begin, end, sums);
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& weight, double eps) {
    const at::Tensor x = given.contiguous(), y = at::empty_like(x);
    const int64_t width = x.size(-1), rows = x.numel() / width;
    const at::Tensor scale = at::empty({rows}, x.options());
    for_dtype(x.scalar_type(), [&](auto zero) {
      using T = decltype(zero);
      const RmsForward<T> work{x.const_data_ptr<T>(),
                               weight.const_data_ptr<T>(),
                               y.mutable_data_ptr<T>(),
                               scale.mutable_data_ptr<T>(),
                               width,
                               static_cast<T>(eps)};
      over_rows(rows, width, [&](int64_t begin, int64_t end) { run(work, begin, end); });
    });
    context->save_for_backward({x, weight, scale});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &scale = saved[2];
    const at::Tensor gradient = gradients[0].contiguous(), to_x = at::empty_like(x);
    const int64_t width = x.size(-1), rows = x.numel() / width;
    const at::Tensor sums = at::zeros({at::get_num_threads(), width}, x.options());
    for_dtype(x.scalar_type(), [&](auto zero) {
      using T = decltype(zero);
      const RmsBackward<T> work{x.const_data_ptr<T>(),
                                weight.const_data_ptr<T>(),
                                scale.const_data_ptr<T>(),
                                gradient.const_data_ptr<T>(),
                                to_x.mutable_data_ptr<T>(),
                                sums.mutable_data_ptr<T>(),
                                width};
      over_rows(rows, width, [&](int64_t begin, int64_t end) {
        run(work, begin, end, work.to_weight + at::get_thread_num() * width);
      });
    });
    return {to_x, context->needs_input_grad(1) ? sums.sum(0) : at::Tensor(), at::Tensor()};
  }
};

class SiluProduct : public torch::autograd::Function<SiluProduct> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given_gate, const at::Tensor& given_up) {
    const at::Tensor gate = given_gate.contiguous(), up = given_up.contiguous();
    const at::Tensor sigmoid = at::sigmoid(gate), y = at::empty_like(gate);
    for_dtype(gate.scalar_type(), [&](auto zero) {
      using T = decltype(zero);
      const SiluForward<T> work{gate.const_data_ptr<T>(), up.const_data_ptr<T>(), sigmoid.const_data_ptr<T>(),
                                y.mutable_data_ptr<T>()};
      over_rows(gate.numel(), 1, [&](int64_t begin, int64_t end) { run(work, begin, end); });
    });
    context->save_for_backward({gate, up, sigmoid});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1], &sigmoid = saved[2];
    const at::Tensor gradient = gradients[0].contiguous(), to_gate = at::empty_like(gate), to_up = at::empty_like(up);
    for_dtype(gate.scalar_type(), [&](auto zero) {
      using T = decltype(zero);
      const SiluBackward<T> work{gate.const_data_ptr<T>(),      up.const_data_ptr<T>(),
                                 sigmoid.const_data_ptr<T>(),   gradient.const_data_ptr<T>(),
                                 to_gate.mutable_data_ptr<T>(), to_up.mutable_data_ptr<T>()};
      over_rows(gate.numel(), 1, [&](int64_t begin, int64_t end) { run(work, begin, end); });
    });
    return {to_gate, to_up};
  }
};

at::Tensor rotated(const at::Tensor& given, const at::Tensor& cos, const at::Tensor& sin, bool transposed) {
  const at::Tensor x = given.stride(-1) == 1 ? given : given.contiguous();
  const at::Tensor y = at::empty(x.sizes(), x.options());
  for_dtype(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    const Rotation<T> work{x.const_data_ptr<T>(),
                           cos.const_data_ptr<T>(),
                           sin.const_data_ptr<T>(),
                           y.mutable_data_ptr<T>(),
                           x.size(1),
                           x.size(2),
                           x.stride(0),
                           x.stride(1),
                           transposed};
    over_rows(x.size(0), x.size(1) * x.size(2), [&](int64_t begin, int64_t end) { run(work, begin, end); });
  });
  return y;
}

class Rotate : public torch::autograd::Function<Rotate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return rotated(x, cos, sin, /*transposed=*/false);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {rotated(gradients[0], saved[0], saved[1], /*transposed=*/true), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

bool can_fuse_gradient(const at::Tensor& x, const at::Tensor& other) {
  if (!at::GradMode::is_enabled() || !x.is_cpu() || x.scalar_type() != other.scalar_type()) return false;
  if (!is_float_or_double(x)) return false;
  return x.requires_grad() || other.requires_grad();
}

at::Tensor rms_norm_with_gradient(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNorm::apply(x, weight, eps);
}

at::Tensor swiglu_with_gradient(const at::Tensor& gate, const at::Tensor& up) {
  return SiluProduct::apply(gate, up);
}

at::Tensor rotate_with_gradient(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  return Rotate::apply(x, cos, sin);
}

}  // namespace frankentorch
