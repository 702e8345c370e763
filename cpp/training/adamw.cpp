#include "training/adamw.h"

#include <cmath>

#include "kernels/clones.h"

namespace frankentorch {
namespace {

// Below so many elements a second thread costs more than it gives.
constexpr int64_t kGrain = 32768;

template <class Real>
struct Factors {
  Real scale, keep, beta1, beta2, rest1, rest2, step_size, root, eps;
};

template <class Real>
inline __attribute__((always_inline)) void update(Real* __restrict p, const Real* __restrict gradient,
                                                  Real* __restrict m, Real* __restrict v, int64_t n, Factors<Real> f) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const Real g = gradient[i] * f.scale;
    const Real first = f.beta1 * m[i] + f.rest1 * g;
    const Real second = f.beta2 * v[i] + f.rest2 * g * g;
    m[i] = first;
    v[i] = second;
    p[i] = p[i] * f.keep - f.step_size * (first / (std::sqrt(second) * f.root + f.eps));
  }
}

// target_clones takes no templates.
FRANKENTORCH_CLONES void update_float(float* p, const float* g, float* m, float* v, int64_t n,
                                      const Factors<float>& f) {
  update(p, g, m, v, n, f);
}
FRANKENTORCH_CLONES void update_double(double* p, const double* g, double* m, double* v, int64_t n,
                                       const Factors<double>& f) {
  update(p, g, m, v, n, f);
}

template <class Real>
Factors<Real> factors(int64_t step, const AdamWOptions& o) {
  const double correction1 = 1 - std::pow(o.beta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(o.beta2, static_cast<double>(step));
  return {static_cast<Real>(o.gradient_scale),
          static_cast<Real>(1 - o.lr * o.weight_decay),
          static_cast<Real>(o.beta1),
          static_cast<Real>(o.beta2),
          static_cast<Real>(1 - o.beta1),
          static_cast<Real>(1 - o.beta2),
          static_cast<Real>(o.lr / correction1),
          static_cast<Real>(1 / std::sqrt(correction2)),
          static_cast<Real>(o.eps)};
}

template <class Real, class Update>
void update_all(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& m, const at::Tensor& v,
                const at::Tensor& narrow, const Factors<Real>& f, Update update) {
  Real* p = parameter.mutable_data_ptr<Real>();
  const Real* g = gradient.const_data_ptr<Real>();
  Real *first = m.mutable_data_ptr<Real>(), *second = v.mutable_data_ptr<Real>();
  at::BFloat16* rounded = narrow.defined() ? narrow.mutable_data_ptr<at::BFloat16>() : nullptr;
  at::parallel_for(0, parameter.numel(), kGrain, [&](int64_t begin, int64_t end) {
    update(p + begin, g + begin, first + begin, second + begin, end - begin, f);
    if (rounded)
      for (int64_t i = begin; i < end; ++i) rounded[i] = static_cast<at::BFloat16>(p[i]);
  });
}

void update_elsewhere(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& m, const at::Tensor& v,
                      const at::Tensor& narrow, int64_t step, const AdamWOptions& o) {
  const at::Tensor scaled = o.gradient_scale == 1 ? gradient : gradient * o.gradient_scale;
  const at::Tensor steps = at::full({}, static_cast<double>(step), parameter.options().dtype(at::kFloat));
  at::_fused_adamw_({parameter}, {scaled}, {m}, {v}, {}, {steps}, o.lr, o.beta1, o.beta2, o.weight_decay, o.eps,
                    /*amsgrad=*/false, /*maximize=*/false);
  if (narrow.defined()) narrow.copy_(parameter);
}

}  // namespace

void adamw(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& m, const at::Tensor& v,
           const at::Tensor& narrow, int64_t step, const AdamWOptions& options) {
  const at::Tensor g = gradient.to(parameter.scalar_type()).contiguous();
  if (!parameter.is_cpu()) return update_elsewhere(parameter, g, m, v, narrow, step, options);
  if (parameter.scalar_type() == at::kDouble)
    update_all(parameter, g, m, v, narrow, factors<double>(step, options), update_double);
  else
    update_all(parameter, g, m, v, narrow, factors<float>(step, options), update_float);
}

}  // namespace frankentorch
