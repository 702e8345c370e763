#include "hooks/intervention.h"

#include <algorithm>

#include "checkpoint/random_fill.h"
#include "runtime/failure.h"

namespace frankentorch {
namespace {

struct Axes {
  int64_t tokens;
  int64_t heads;  // -1: none
};

Axes axes_of(const std::string& point) {
  for (const char* name : {".self_attn.query", ".self_attn.key", ".self_attn.value", ".self_attn.weights"})
    if (point.ends_with(name)) return {2, 1};
  return {1, point.ends_with(".self_attn.heads") ? 2 : -1};
}

// FNV-1a, which unlike std::hash is the same everywhere.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  return hash;
}

int64_t first_token_of(const Passage& passage) {
  return passage.group ? passage.group->first_token : 0;
}

}  // namespace

at::Tensor Intervention::apply(at::Tensor value, const Passage& passage, const at::Tensor& input) {
  if (!acts_at(passage)) return value;
  const std::vector<int64_t> tokens = selected(passage, value.size(0), value.size(axes_of(options_.point).tokens));
  const auto stay = std::ranges::count(tokens, -1);
  if (stay == static_cast<int64_t>(tokens.size())) return value;
  at::Tensor out = changed(value, tokens, passage, input);
  return stay == 0 && !options_.heads ? out : at::where(mask(value, tokens), out, value);
}

bool Intervention::skips(const Passage& passage) const {
  if (options_.kind != Kind::skip || !acts_at(passage)) return false;
  if (!passage.group) return options_.rows.begin()->second.open_from(0);
  const Group& group = *passage.group;
  // A token that is not skipped later would read the module's cache.
  const bool for_good = !group.cache || options_.steps != Steps::prefill;
  return for_good && std::ranges::all_of(group.rows, [&](int64_t row) {
           const Positions* positions = positions_of(passage, row);
           return positions && positions->open_from(group.first_token);
         });
}

bool Intervention::acts_at(const Passage& passage) const {
  if (options_.steps == Steps::all) return true;
  const bool prefill = !passage.group || passage.group->prefill;
  return prefill == (options_.steps == Steps::prefill);
}

const Positions* Intervention::positions_of(const Passage& passage, int64_t row) const {
  const auto found = options_.rows.find(row - passage.attached.first);
  return found == options_.rows.end() ? nullptr : &found->second;
}

std::vector<int64_t> Intervention::selected(const Passage& passage, int64_t rows, int64_t tokens) const {
  std::vector<int64_t> chosen(rows * tokens, -1);
  const int64_t first_token = first_token_of(passage);
  for (int64_t r = 0; r < rows; ++r) {
    const Positions* positions =
        passage.group ? positions_of(passage, passage.group->rows[r]) : &options_.rows.begin()->second;
    if (!positions) continue;
    const auto row = chosen.begin() + r * tokens;
    if (!positions->listed) {
      const int64_t from = std::clamp<int64_t>(positions->first - first_token, 0, tokens);
      std::fill(row + from, row + tokens, 0);
      continue;
    }
    for (size_t i = 0; i < positions->listed->size(); ++i) {
      const int64_t token = (*positions->listed)[i] - first_token;
      if (token >= 0 && token < tokens) row[token] = positions->sources.empty() ? 0 : positions->sources[i];
    }
  }
  return chosen;
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
  const int64_t axis = axes_of(options_.point).tokens;
  const at::Tensor tensor = options_.tensor.to(value.options());
  if (options_.rows.begin()->second.sources.empty()) return tensor;
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
  const int64_t axis = axes_of(options_.point).tokens, tokens = value.size(axis);
  const int64_t width = value.numel() / (value.size(0) * tokens);
  const int64_t stretch = (width + 3) / 4 * 4;  // streams are entered at multiples of 4
  at::Tensor draws = at::empty({tokens, stretch}, at::kFloat);
  fill_normal({options_.seed, hash_of(options_.point), options_.standard_deviation},
              static_cast<uint64_t>(first_token * stretch), static_cast<uint64_t>(tokens * stretch), at::kFloat,
              draws.data_ptr());
  std::vector<int64_t> shape = value.sizes().vec();
  shape.erase(shape.begin() + axis);
  shape[0] = tokens;
  return draws.narrow(1, 0, width).reshape(shape).unsqueeze(0).movedim(1, axis).to(value.options());
}

// True where the value changes, broadcasting over it.
at::Tensor Intervention::mask(const at::Tensor& value, const std::vector<int64_t>& tokens) const {
  const Axes axes = axes_of(options_.point);
  auto along = [&](const at::Tensor& flags, int64_t rows, int64_t axis) {
    std::vector<int64_t> shape(value.dim(), 1);
    shape[0] = rows;
    shape[axis] = value.size(axis);
    return flags.view(shape);
  };
  at::Tensor mask = along(at::tensor(tokens, at::kLong).ge(0), value.size(0), axes.tokens);
  if (options_.heads) {
    at::Tensor heads = at::zeros({value.size(axes.heads)}, at::kBool);
    heads.index_fill_(0, at::tensor(*options_.heads, at::kLong), true);
    mask = mask.logical_and(along(heads, 1, axes.heads));
  }
  return mask.to(value.device());
}

}  // namespace frankentorch
