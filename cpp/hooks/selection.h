#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hooks/attachments.h"

namespace frankentorch {

// Tokens of one row by their absolute positions: all from `first` on, or those listed.
struct Positions {
  int64_t first = 0;
  std::optional<std::vector<int64_t>> listed;
  std::vector<int64_t>
      sources;          // for each listed one its token in the intervention's tensor; empty: it has one for all
  uint64_t sample = 0;  // what tells this row's random draws from another's

  bool open_from(int64_t position) const { return !listed && first <= position; }
};

// Where something acts on what passes a point: steps × rows × positions × heads.
struct Selection {
  enum class Steps { prefill, decode, all };

  // What of one value is selected. `tokens`: of every token of every row, -1 where it stays, else its source (0 where
  // the positions name none).
  struct Chosen {
    std::vector<int64_t> tokens;
    bool all;
  };

  std::string point;
  Steps steps = Steps::all;
  std::map<int64_t, Positions> rows;          // counted from the first row it is attached for; the vision tower's is 0
  std::optional<std::vector<int64_t>> heads;  // none: all, or the point has no such axis

  bool acts_at(const Passage& passage) const;
  // None where nothing of the value is selected.
  std::optional<Chosen> of(const at::Tensor& value, const Passage& passage) const;
  // Null for a row it does not act on. `index` is the row's place in the value.
  const Positions* positions_of(const Passage& passage, int64_t index) const;
  // Every token that passes, and those of these rows that follow later as well.
  bool covers(const Passage& passage) const;

  int64_t token_axis() const;
  // `changed` where it is chosen, elsewhere `value`; one operation, or none where all is chosen.
  at::Tensor blend(const at::Tensor& value, at::Tensor changed, const Chosen& chosen) const;

 private:
  at::Tensor mask(const at::Tensor& value, const Chosen& chosen) const;
};

// Throws ERR_SHAPE_MISMATCH unless what a hook gives has the value's shape and dtype.
void require_alike(const at::Tensor& out, const at::Tensor& value, const std::string& point);

inline int64_t first_token_of(const Passage& passage) {
  return passage.group ? passage.group->first_token : 0;
}

// FNV-1a, which unlike std::hash is the same everywhere.
uint64_t hash_of(const std::string& text);

}  // namespace frankentorch
