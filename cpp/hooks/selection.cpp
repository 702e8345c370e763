#include "hooks/selection.h"

#include <algorithm>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

bool has_heads_before_tokens(const std::string& point) {
  return std::ranges::any_of(std::initializer_list<const char*>{".self_attn.query", ".self_attn.key",
                                                                ".self_attn.value", ".self_attn.weights"},
                             [&](const char* name) { return point.ends_with(name); });
}

}  // namespace

uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  return hash;
}

void require_alike(const at::Tensor& out, const at::Tensor& value, const std::string& point) {
  if (out.sizes() == value.sizes() && out.scalar_type() == value.scalar_type() && out.device() == value.device())
    return;
  fail("ERR_SHAPE_MISMATCH", "Expected ", value.scalar_type(), value.sizes(), " on ", value.device(),
       " from the hook at ", point, " but received ", out.scalar_type(), out.sizes(), " on ", out.device());
}

int64_t Selection::token_axis() const {
  return has_heads_before_tokens(point) ? 2 : 1;
}

bool Selection::acts_at(const Passage& passage) const {
  if (steps == Steps::all) return true;
  const bool prefill = !passage.group || passage.group->prefill;
  return prefill == (steps == Steps::prefill);
}

const Positions* Selection::positions_of(const Passage& passage, int64_t index) const {
  if (!passage.group) return &rows.begin()->second;
  const auto found = rows.find(passage.group->rows[index] - passage.attached.first);
  return found == rows.end() ? nullptr : &found->second;
}

bool Selection::covers(const Passage& passage) const {
  if (!acts_at(passage)) return false;
  if (!passage.group) return rows.begin()->second.open_from(0);
  const Group& group = *passage.group;
  // A token that is not selected later would read what this one would have cached.
  if (group.cache && steps == Steps::prefill) return false;
  for (size_t i = 0; i < group.rows.size(); ++i) {
    const Positions* positions = positions_of(passage, static_cast<int64_t>(i));
    if (!positions || !positions->open_from(group.first_token)) return false;
  }
  return true;
}

std::optional<Selection::Chosen> Selection::of(const at::Tensor& value, const Passage& passage) const {
  if (!acts_at(passage)) return std::nullopt;
  const int64_t count = value.size(0), tokens = value.size(token_axis()), first_token = first_token_of(passage);
  Chosen chosen{std::vector<int64_t>(count * tokens, -1), false};
  for (int64_t r = 0; r < count; ++r) {
    const Positions* positions = positions_of(passage, r);
    if (!positions) continue;
    const auto row = chosen.tokens.begin() + r * tokens;
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
  const auto stay = std::ranges::count(chosen.tokens, -1);
  if (stay == static_cast<int64_t>(chosen.tokens.size())) return std::nullopt;
  chosen.all = stay == 0 && !heads;
  return chosen;
}

at::Tensor Selection::blend(const at::Tensor& value, at::Tensor changed, const Chosen& chosen) const {
  return chosen.all ? changed : at::where(mask(value, chosen), changed, value);
}

// True where the value changes, broadcasting over it. Filled here rather than by operations, of which every decoding
// step would pay several.
at::Tensor Selection::mask(const at::Tensor& value, const Chosen& chosen) const {
  const int64_t count = value.size(0), axis = token_axis(), tokens = value.size(axis), head_axis = 3 - axis;
  std::vector<int64_t> shape(value.dim(), 1);
  shape[0] = count;
  shape[axis] = tokens;
  if (heads) shape[head_axis] = value.size(head_axis);
  const int64_t head_count = heads ? shape[head_axis] : 1;
  at::Tensor mask = at::empty(shape, at::kBool);
  bool* flags = mask.mutable_data_ptr<bool>();
  std::fill_n(flags, mask.numel(), false);
  const std::vector<int64_t> all{0};
  for (int64_t r = 0; r < count; ++r)
    for (int64_t t = 0; t < tokens; ++t)
      if (chosen.tokens[r * tokens + t] >= 0)
        for (const int64_t head : heads ? *heads : all)
          flags[axis == 2 ? (r * head_count + head) * tokens + t : (r * tokens + t) * head_count + head] = true;
  return mask.to(value.device());
}

}  // namespace frankentorch
