#pragma once

#include <napi.h>

#include <vector>

#include "model/generation.h"

namespace frankentorch::binding {

// What the rows of a call have replied so far.
struct Replies {
  struct Reply {
    std::vector<int64_t> tokens;
    const char* finish = "aborted";
  };

  explicit Replies(size_t count) : rows(count) {}
  void take(const std::vector<Emitted>& emitted);

  std::vector<Reply> rows;
  GenerationTimings timings;
};

// `stop`, `length`, or none while the row goes on
const char* finish_name(Emitted::Finish finish);

// { rows: [{ tokenIds, finishReason }], timings: { visionS, prefillS, decodeS } }
Napi::Value from_replies(Napi::Env env, const Replies& replies);

Napi::Object from_timings(Napi::Env env, const GenerationTimings& timings);

}  // namespace frankentorch::binding
