#include "kernels/small_batch_linear.h"

#include <algorithm>
#include <optional>

#include "kernels/dealt_blocks.h"
#include "kernels/lane_rows.h"
#include "kernels/tiled_rows.h"

namespace frankentorch {
namespace {

#if defined(__x86_64__)

constexpr int64_t kMostRows = LaneRows::kMostVectors * LaneRows::kLanes;
// Elements of one pass, at most: 6 rows of W this long stay near while all rows of x go by, and what every pass ends
// with is little.
constexpr int64_t kDepth = 2112;

// With AMX at::linear is the faster from 8 rows on (bench/linear on a Sapphire Rapids: 0.5 × its speed at 16 rows, 1.6
// × at 4).
int64_t most_rows() {
  static const int64_t most = __builtin_cpu_supports("amx-bf16") ? 7 : kMostRows;
  return most;
}

bool cpu_has_avx512_bf16() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
  return has;
}

#else

int64_t most_rows() {
  return 0;
}

bool cpu_has_avx512_bf16() {
  return false;
}

#endif

}  // namespace

bool has_small_batch_linear(const at::Tensor& x, const at::Tensor& w) {
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && w.scalar_type() == at::kBFloat16 && x.dim() == 2 &&
         x.size(0) <= most_rows() && x.numel() > 0 && w.dim() == 2 && w.numel() > 0 && w.stride(1) == 1 &&
         !(at::GradMode::is_enabled() && (x.requires_grad() || w.requires_grad())) && cpu_has_avx512_bf16();
}

at::Tensor small_batch_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b) {
  if (!has_small_batch_linear(x, w)) return at::linear(x, w, b);
#if defined(__x86_64__)
  TORCH_CHECK(x.size(1) == w.size(1), "Expected inputs of width ", w.size(1), " but received ", x.size(1));
  const at::Tensor rows = x.contiguous();
  const int64_t count = rows.size(0), depth = rows.size(1), outputs = w.size(0);
  const int64_t lanes = depth % 2 == 0 ? LaneRows::of(count) : 0;
  const auto* of_x = static_cast<const uint16_t*>(rows.const_data_ptr());
  const Matrix of_w{static_cast<const uint16_t*>(w.const_data_ptr()), w.stride(0)};
  std::optional<LaneRows> first;
  std::optional<TiledRows> rest;
  if (lanes > 0) first.emplace(of_x, lanes, depth);
  if (lanes < count) rest.emplace(of_x + lanes * depth, count - lanes, depth, of_w);

  at::Tensor y = at::empty({count, outputs}, x.options());
  auto* of_y = static_cast<uint16_t*>(y.mutable_data_ptr());
  const at::Tensor bias = b.has_value() && b->defined() ? b->to(at::kFloat).contiguous() : at::Tensor();
  const float* of_bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr;

  const int64_t passes = (depth + kDepth - 1) / kDepth, pass = ((depth + passes - 1) / passes + 31) / 32 * 32;
  // The products with one block of W, while the block `after` is fetched.
  auto multiply = [&](int64_t block, int64_t after) {
    alignas(64) float of_first[LaneRows::kSums], of_rest[TiledRows::kSums];
    const int64_t output = block * kTileOutputs, some = std::min<int64_t>(kTileOutputs, outputs - output);
    const Matrix here{of_w.data + output * of_w.stride, of_w.stride};
    const uint16_t* then =
        (after + 1) * kTileOutputs <= outputs ? of_w.data + after * kTileOutputs * of_w.stride : nullptr;
    if (first) std::fill_n(of_first, first->sums(), 0.0f);
    if (rest) std::fill_n(of_rest, rest->sums(), 0.0f);
    for (int64_t k = 0; k < depth; k += pass) {
      const int64_t until = std::min(k + pass, depth);
      const uint16_t* next = until < depth ? here.data + until : then;
      if (first) first->add(k, until, here, some, next, of_first);
      if (rest) rest->add(k, until, here, some, first ? nullptr : next, of_rest);
    }
    const float* bias_here = of_bias ? of_bias + output : nullptr;
    if (first) first->write(of_first, {of_y + output, outputs, some, bias_here});
    if (rest) rest->write(of_rest, {of_y + lanes * outputs + output, outputs, some, bias_here});
  };
  // For few products a second thread costs more than it gives.
  const int64_t threads = count * depth * outputs < 65536 ? 1 : at::get_num_threads();
  DealtBlocks blocks((outputs + kTileOutputs - 1) / kTileOutputs, threads);
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) { blocks.work_off(multiply); });
  return y;
#else
  return at::linear(x, w, b);
#endif
}

TORCH_LIBRARY(frankentorch, library) {
  library.def("small_batch_linear(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor", &small_batch_linear);
}

}  // namespace frankentorch
