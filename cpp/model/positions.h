#pragma once

#include <vector>

#include "model/config.h"
#include "model/inputs.h"
#include "pch.h"

namespace frankentorch {

// Where the visuals of one row stand: token i of the row is embedding `source` of the images or videos of the whole
// batch.
struct VisualToken {
  int64_t token;
  int64_t source;
};

struct RowLayout {
  at::Tensor position_ids;  // [3, tokens] int64: temporal, height, width
  // Of the first generated token, on all three axes: where one more token of text would stand, as in transformers'
  // generate. That need not be the largest: the frames of a slow video reach beyond the text that follows them.
  int64_t next_position = 0;
  std::vector<VisualToken> images;
  std::vector<VisualToken> videos;
};

// Multimodal rotary positions of every row (arXiv 2409.12191, §2.1; arXiv 2502.13923, §2.1.2 for the time axis of
// videos), and which token takes which visual embedding. Text counts on all axes alike; an image spans its grid from
// the next free position on and then takes max(height, width) of it. Still images have one frame, so only videos scale
// their time axis, by tokens_per_second. Throws ERR_MESSAGES when the pads in the rows and the visuals given do not
// match.
std::vector<RowLayout> layout_rows(const Config& config, const Inputs& inputs);

}  // namespace frankentorch
