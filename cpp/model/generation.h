#pragma once

#include <memory>
#include <vector>

#include "model/qwen2_5_vl.h"
#include "model/sampling.h"

namespace frankentorch {

struct RowOptions {
  int64_t max_new_tokens = 128;
  std::vector<int64_t> stop_ids;
  SamplingOptions sampling;
};

struct Emitted {
  enum class Finish { none, stop, length };
  int64_t row;
  int64_t token;
  Finish finish;
};

struct GenerationTimings {
  double vision_s = 0;  // embedding, the vision tower included
  double prefill_s = 0;
  double decode_s = 0;
};

// A running batch of replies: rows join with their prompts, every step gives each of them one token, and rows leave
// when they finish.
class Generation {
 public:
  // `observer`, if any, sees prefills and steps; it must outlive the generation.
  explicit Generation(const Qwen2_5_VL& model, Observer* observer = nullptr) : model_(model), observer_(observer) {}

  // Prefills the prompts and returns their first tokens. Rows are numbered from 0 in the order in which they joined.
  std::vector<Emitted> join(const Inputs& inputs, const std::vector<RowOptions>& options, Turn& turn);

  // One more token for every row that has not finished.
  std::vector<Emitted> step(Turn& turn);

  bool done() const { return groups_.empty(); }
  const GenerationTimings& timings() const { return timings_; }

 private:
  struct Row {
    int64_t id;
    RowOptions options;
    Sampler sampler;
    int64_t next_position;  // rotary position of the token to come
    int64_t new_tokens = 0;
    int64_t last_token = -1;
  };
  struct RunningGroup {  // rows of one cache: equal prompt lengths, joined together
    std::vector<Row> rows;
    std::unique_ptr<KvCache> cache;
    int64_t cached_tokens;
  };

  // Samples each row of `group` from logits [rows, vocabulary], appends to `emitted` and drops the rows that finished.
  void sample(RunningGroup& group, const at::Tensor& logits, std::vector<Emitted>& emitted);

  const Qwen2_5_VL& model_;
  Observer* observer_;
  std::vector<RunningGroup> groups_;
  int64_t next_row_ = 0;
  GenerationTimings timings_;
};

}  // namespace frankentorch
