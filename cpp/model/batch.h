#pragma once

#include <limits>
#include <vector>

#include "model/kv_cache.h"
#include "model/rotary.h"
#include "pch.h"

namespace frankentorch {

// Keys and values that rows of a group share with rows of an earlier one of the same pass: replies to one prompt.
struct SharedPrefix {
  size_t group;     // whose tokens come first
  at::Tensor rows;  // of it, one for each row here: [rows] int64
};

// Rows that have the same number of new tokens and of tokens before them.
struct Group {
  std::vector<int64_t> rows;  // who they are, in the caller's numbering
  int64_t tokens = 0;         // new tokens of each row
  int64_t first_token = 0;    // index in its row of the first new token
  int64_t offset = 0;         // of the group's first token among the packed tokens
  KvCache* cache = nullptr;   // none: the new tokens attend to themselves only, and to a shared prefix
  std::optional<SharedPrefix> prefix = std::nullopt;
  bool prefill = true;

  int64_t packed_tokens() const { return static_cast<int64_t>(rows.size()) * tokens; }
};

// A batch without padding: the tokens of all rows stand one after another, group by group, row by row. Linear layers
// see them all at once; attention and caches work group by group.
struct Batch {
  std::vector<Group> groups;
  CosSin rotary;  // of all packed tokens
  // Decoder layers from here on keep only what enters them for the backward pass, and run again in it.
  int64_t recompute_from = std::numeric_limits<int64_t>::max();

  // The group's part of a packed value, [tokens, ...] -> [rows, tokens, ...]; a view.
  static at::Tensor rows_of(const Group& group, const at::Tensor& packed) {
    return packed.narrow(0, group.offset, group.packed_tokens())
        .unflatten(0, {static_cast<int64_t>(group.rows.size()), group.tokens});
  }

  // The batch of each row's last token, without rotary angles: for logits, which only need those.
  Batch last_tokens() const;

  // What belongs to those tokens: [tokens, ...] -> [rows of all groups, ...]
  at::Tensor last_of(const at::Tensor& packed) const;
};

}  // namespace frankentorch
