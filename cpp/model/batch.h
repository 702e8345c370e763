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
  int64_t read = 0;  // last tokens of each row of which somebody reads what the last layer makes; 0: all

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

  // Logits only need the last token of each row.
  void read_last_tokens();

  // The tokens that are read after the last layer, as a batch of their own.
  Batch read() const;

  // Their part of a packed value, [tokens, ...] -> [read tokens, ...]; a value of only those as it is.
  at::Tensor read_of(const at::Tensor& packed) const;
};

}  // namespace frankentorch
