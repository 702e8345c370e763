#include "hooks/swap.h"

#include "model/layers.h"
#include "runtime/failure.h"

namespace frankentorch {
namespace {

// [1, heads, n, width] -> [1, heads, count, width] by linear interpolation between token centres, in at least float32.
at::Tensor resample_tokens(const at::Tensor& x, int64_t count) {
  const at::Tensor channels = x[0].transpose(1, 2).to(accumulation_type(x.scalar_type()));  // [heads, width, n]
  return at::upsample_linear1d(channels, {count}, /*align_corners=*/false)
      .transpose(1, 2)
      .unsqueeze(0)
      .to(x.scalar_type());
}

}  // namespace

Swap::Swap(const at::Tensor& source, Options options) : options_(std::move(options)) {
  if (source.dim() != 4 || source.size(0) != 1)
    fail("ERR_SHAPE_MISMATCH",
         "Expected keys or values of shape [1, kv_heads, tokens, head_dim] as source but received ", source.sizes());
  for (const int64_t position : options_.source_positions)
    if (position < 0 || position >= source.size(2))
      fail("ERR_SHAPE_MISMATCH", "Expected source positions below ", source.size(2), " but received ", position);
  const auto count = static_cast<int64_t>(options_.positions.size());
  const auto available = static_cast<int64_t>(options_.source_positions.size());
  if (available == 0 || count == 0)
    fail("ERR_GRID_MISMATCH", "Expected visual tokens in both prompts but received ", available, " and ", count);
  if (available != count && !options_.resample)
    fail("ERR_GRID_MISMATCH", "Expected as many visual tokens in the source as in the target, ", count,
         ", but received ", available);

  source_ = source.index_select(2, at::tensor(options_.source_positions, at::kLong).to(source.device()));
  if (available != count) source_ = resample_tokens(source_, count);
}

at::Tensor Swap::apply(at::Tensor value, const Passage& passage, const at::Tensor&) {
  const Group* group = passage.group;
  if (!group->prefill) {
    if (!options_.append_at_decode) return value;
    return at::cat({value, source_.to(value.options()).expand({value.size(0), -1, -1, -1})}, 2);
  }
  std::vector<int64_t> into, from;
  for (size_t i = 0; i < options_.positions.size(); ++i) {
    const int64_t token = options_.positions[i] - group->first_token;
    if (token < 0 || token >= value.size(2)) continue;
    into.push_back(token);
    from.push_back(static_cast<int64_t>(i));
  }
  if (into.empty()) return value;
  auto index = [&](const std::vector<int64_t>& positions) {
    return at::tensor(positions, at::kLong).to(value.device());
  };
  source_ = source_.to(value.options());
  const at::Tensor tokens = source_.index_select(2, index(from));
  return value.index_copy(2, index(into), tokens.expand({value.size(0), -1, -1, -1}));
}

}  // namespace frankentorch
