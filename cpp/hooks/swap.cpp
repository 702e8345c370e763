#include "hooks/swap.h"

#include <algorithm>

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
      .to(x.scalar_type())
      .contiguous();  // attention kernels take the last axis to be dense
}

}  // namespace

at::Tensor swap_tokens(const at::Tensor& source, const std::vector<int64_t>& source_positions, int64_t count,
                       bool resample) {
  if (source.dim() != 4 || source.size(0) != 1)
    fail("ERR_SHAPE_MISMATCH",
         "Expected keys or values of shape [1, kv_heads, tokens, head_dim] as source but received ", source.sizes());
  for (const int64_t position : source_positions)
    if (position < 0 || position >= source.size(2))
      fail("ERR_SHAPE_MISMATCH", "Expected source positions below ", source.size(2), " but received ", position);
  const auto available = static_cast<int64_t>(source_positions.size());
  if (available == 0 || count == 0)
    fail("ERR_GRID_MISMATCH", "Expected visual tokens in both prompts but received ", available, " and ", count);
  if (available != count && !resample)
    fail("ERR_GRID_MISMATCH", "Expected as many visual tokens in the source as in the target, ", count,
         ", but received ", available);
  const at::Tensor tokens = source.index_select(2, at::tensor(source_positions, at::kLong).to(source.device()));
  return available == count ? tokens : resample_tokens(tokens, count);
}

at::Tensor Swap::apply(at::Tensor value, const Passage& passage, const at::Tensor&) {
  const Group* group = passage.group;
  if (!group->prefill) {
    if (!options_.append_at_decode) return value;
    return at::cat({value, options_.tokens.to(value.options()).expand({value.size(0), -1, -1, -1})}, 2);
  }
  std::vector<int64_t> into, from, rows;
  for (size_t i = 0; i < options_.positions.size(); ++i) {
    const int64_t token = options_.positions[i] - group->first_token;
    if (token < 0 || token >= value.size(2)) continue;
    into.push_back(token);
    from.push_back(static_cast<int64_t>(i));
  }
  for (size_t i = 0; i < group->rows.size(); ++i)
    if (takes(passage, group->rows[i])) rows.push_back(static_cast<int64_t>(i));
  if (into.empty() || rows.empty()) return value;
  auto index = [&](const std::vector<int64_t>& places) { return at::tensor(places, at::kLong).to(value.device()); };
  options_.tokens = options_.tokens.to(value.options());
  const at::Tensor tokens = options_.tokens.index_select(2, index(from));
  value = value.clone();
  for (const int64_t row : rows) value.narrow(0, row, 1).index_copy_(2, index(into), tokens);
  return value;
}

bool Swap::takes(const Passage& passage, int64_t row) const {
  return !options_.rows || std::ranges::count(*options_.rows, row - passage.attached.first) > 0;
}

}  // namespace frankentorch
