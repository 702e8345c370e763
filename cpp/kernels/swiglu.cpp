#include "kernels/swiglu.h"

#include "kernels/bfloat16.h"
#include "kernels/clones.h"
#include "kernels/exponential.h"
#include "kernels/fused.h"
#include "kernels/with_gradients.h"

namespace frankentorch {
namespace {

inline float silu(float x) {
  return x / (1.0f + exponential(-x));
}

// Block by block, so that the arithmetic is a loop over floats alone: mixed with narrower numbers its vectors are
// narrow too, and it takes twice the time.
FRANKENTORCH_CLONES void swiglu_bfloat16(const uint16_t* gate, const uint16_t* up, int64_t count, uint16_t* y) {
  constexpr int64_t kBlock = 256;
  float block[kBlock];
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t some = count - first < kBlock ? count - first : kBlock;
#pragma omp simd
    for (int64_t i = 0; i < some; ++i) block[i] = widened(gate[first + i]);
#pragma omp simd
    for (int64_t i = 0; i < some; ++i) block[i] = nearest(silu(block[i]));
#pragma omp simd
    for (int64_t i = 0; i < some; ++i) y[first + i] = rounded(block[i] * widened(up[first + i]));
  }
}

FRANKENTORCH_CLONES void swiglu_float(const float* gate, const float* up, int64_t count, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = silu(gate[i]) * up[i];
}

}  // namespace

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  const bool alike = gate.scalar_type() == up.scalar_type() && gate.sizes() == up.sizes();
  if (alike && can_fuse_gradient(gate, up)) return swiglu_with_gradient(gate, up);
  if (!can_fuse({gate, up}) || !alike || !gate.is_contiguous() || !up.is_contiguous()) return at::silu(gate) * up;
  at::Tensor y = at::empty(gate.sizes(), gate.options());
  at::parallel_for(0, y.numel(), rows_worth_a_thread(1), [&](int64_t begin, int64_t end) {
    if (gate.scalar_type() == at::kFloat)
      swiglu_float(gate.const_data_ptr<float>() + begin, up.const_data_ptr<float>() + begin, end - begin,
                   y.mutable_data_ptr<float>() + begin);
    else
      swiglu_bfloat16(static_cast<const uint16_t*>(gate.const_data_ptr()) + begin,
                      static_cast<const uint16_t*>(up.const_data_ptr()) + begin, end - begin,
                      static_cast<uint16_t*>(y.mutable_data_ptr()) + begin);
  });
  return y;
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("swiglu(Tensor gate, Tensor up) -> Tensor", &swiglu);
}

}  // namespace frankentorch
