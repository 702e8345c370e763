// Random elements that depend on their place alone: neither on how a tensor was cut into pieces nor on the number of
// threads, and easy to repeat elsewhere (docs/merge.md has the formula).
#include <cmath>

#include "checkpoint/random_fill.h"
#include "pch.h"

namespace frankentorch {
namespace {

constexpr int64_t kGrain = 1 << 16;  // a multiple of 4

// mask[i] = 1 with probability p, else 0, by draw first + i of the stream `seed`. float32, shaped as `like`.
at::Tensor keep(const at::Tensor& like, double p, int64_t seed, int64_t first) {
  at::Tensor mask = at::empty(like.sizes(), at::kFloat);
  auto* out = mask.mutable_data_ptr<float>();
  // compared with 53 random bits
  const auto limit = static_cast<uint64_t>(std::ldexp(p, 53));
  at::parallel_for(0, mask.numel(), kGrain, [&](int64_t begin, int64_t end) {
    const uint64_t key = stream_key(static_cast<uint64_t>(seed), 0);
    for (int64_t i = begin; i < end; ++i)
      out[i] = (random_bits(key, static_cast<uint64_t>(first + i)) >> 11) < limit ? 1.0f : 0.0f;
  });
  return mask;
}

// N(0, 1) by draw first + i of the stream `seed`, float32, shaped as `like`. `first` is a multiple of 4.
at::Tensor normal(const at::Tensor& like, int64_t seed, int64_t first) {
  at::Tensor draws = at::empty(like.sizes(), at::kFloat);
  auto* out = draws.mutable_data_ptr<float>();
  const NormalStream stream{.seed = static_cast<uint64_t>(seed), .stream = 0, .standard_deviation = 1};
  at::parallel_for(0, (draws.numel() + 3) / 4, kGrain, [&](int64_t begin, int64_t end) {
    fill_normal(stream, static_cast<uint64_t>(first + begin * 4),
                static_cast<uint64_t>(std::min(end * 4, draws.numel()) - begin * 4), at::kFloat, out + begin * 4);
  });
  return draws;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("keep(Tensor like, float p, int seed, int first) -> Tensor", &keep);
  library.def("normal(Tensor like, int seed, int first) -> Tensor", &normal);
}

}  // namespace frankentorch
