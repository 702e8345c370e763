#include "hooks/intervention.h"

#include <algorithm>

#include "checkpoint/random_fill.h"
#include "runtime/failure.h"

namespace frankentorch {

at::Tensor Intervention::apply(at::Tensor value, const Passage& passage, const at::Tensor& input) {
  const auto chosen = options_.where.of(value, passage);
  if (!chosen) return value;
  return options_.where.blend(value, changed(value, chosen->tokens, passage, input), *chosen);
}

bool Intervention::skips(const Passage& passage) const {
  return options_.kind == Kind::skip && options_.where.covers(passage);
}

at::Tensor Intervention::changed(const at::Tensor& value, const std::vector<int64_t>& tokens, const Passage& passage,
                                 const at::Tensor& input) const {
  switch (options_.kind) {
    case Kind::zero:
      return at::zeros_like(value);
    case Kind::add:
      return value + operand(value, tokens);
    case Kind::replace:
      return operand(value, tokens).expand_as(value).contiguous();
    case Kind::scale:
      return value * options_.factor;
    case Kind::noise:
      return value + noise(value, first_token_of(passage));
    case Kind::skip:
      return input;
  }
  fail("ERR_INVALID_ARGUMENT", "Expected a known kind of intervention");
}

// The tensor laid out to broadcast over the value.
at::Tensor Intervention::operand(const at::Tensor& value, const std::vector<int64_t>& tokens) const {
  const int64_t axis = options_.where.token_axis();
  const at::Tensor tensor = options_.tensor.to(value.options());
  if (options_.where.rows.begin()->second.sources.empty()) return tensor;
  const int64_t rows = value.size(0), width = value.size(axis);
  std::vector<at::Tensor> parts;
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<int64_t> source(tokens.begin() + r * width, tokens.begin() + (r + 1) * width);
    for (auto& token : source) token = std::max<int64_t>(token, 0);  // under the mask
    parts.push_back(tensor.index_select(axis, at::tensor(source, at::kLong).to(value.device())));
  }
  return at::cat(parts);
}

// Every position has its own stretch of the stream, so a token gets the same noise in a prefill, in a decoding step and
// whatever else is in the batch. [1, ...] like the value
at::Tensor Intervention::noise(const at::Tensor& value, int64_t first_token) const {
  const int64_t axis = options_.where.token_axis(), tokens = value.size(axis);
  const int64_t width = value.numel() / (value.size(0) * tokens);
  const int64_t stretch = (width + 3) / 4 * 4;  // streams are entered at multiples of 4
  at::Tensor draws = at::empty({tokens, stretch}, at::kFloat);
  fill_normal({options_.seed, hash_of(options_.where.point), options_.standard_deviation},
              static_cast<uint64_t>(first_token * stretch), static_cast<uint64_t>(tokens * stretch), at::kFloat,
              draws.data_ptr());
  std::vector<int64_t> shape = value.sizes().vec();
  shape.erase(shape.begin() + axis);
  shape[0] = tokens;
  return draws.narrow(1, 0, width).reshape(shape).unsqueeze(0).movedim(1, axis).to(value.options());
}

}  // namespace frankentorch
