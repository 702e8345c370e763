#pragma once

#include <vector>

#include "model/kv_cache.h"
#include "model/rotary.h"
#include "pch.h"

namespace frankentorch {

// Rows that have the same number of new tokens and of tokens before them.
struct Group {
  std::vector<int64_t> rows;  // who they are, in the caller's numbering
  int64_t tokens = 0;         // new tokens of each row
  int64_t first_token = 0;    // index in its row of the first new token
  int64_t offset = 0;         // of the group's first token among the packed tokens
  KvCache* cache = nullptr;   // none: the new tokens attend to themselves only
  bool prefill = true;

  int64_t packed_tokens() const { return static_cast<int64_t>(rows.size()) * tokens; }
};

// A batch without padding: the tokens of all rows stand one after another, group by group, row by row. Linear layers
// see them all at once; attention and caches work group by group.
struct Batch {
  std::vector<Group> groups;
  CosSin rotary;  // of all packed tokens

  // The group's part of a packed value, [tokens, ...] -> [rows, tokens, ...]; a view.
  static at::Tensor rows_of(const Group& group, const at::Tensor& packed) {
    return packed.narrow(0, group.offset, group.packed_tokens())
        .unflatten(0, {static_cast<int64_t>(group.rows.size()), group.tokens});
  }
};

}  // namespace frankentorch
