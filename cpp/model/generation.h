#pragma once

#include <memory>
#include <vector>

#include "hooks/attachments.h"
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
  int64_t passes = 0;  // of a sweep: turns that its rows took
};

// Rows that have read the same prompt, each with its own cache of it: what a sweep hands over for decoding.
struct PrefilledRows {
  RowRange rows;               // their numbers
  std::vector<int64_t> order;  // those of the rows of cache and logits
  std::unique_ptr<KvCache> cache;
  at::Tensor logits;  // [rows, vocabulary] of the prompt's last token
  std::vector<int64_t> prompt;
  int64_t next_position = 0;  // rotary position of the first new token
};

// A running batch of replies: rows join with their prompts, every step gives each of them one token, and rows leave
// when they finish.
class Generation {
 public:
  explicit Generation(const Qwen2_5_VL& model) : model_(model) {}

  // Prefills the prompts and returns the first tokens. `options` are of the rows, as many for each prompt one after
  // another: they share their prompt's prefill and part from its first token on. Rows are numbered from 0 in the order
  // in which they joined. `hooks` act on these rows for as long as they live; in the prefill a prompt goes by the
  // number of its first row. When it throws, no row has joined.
  std::vector<Emitted> join(const Inputs& inputs, const std::vector<RowOptions>& options,
                            const std::vector<Attachment>& hooks, Turn& turn);

  // Rows prefilled elsewhere join under the numbers they have; `options` are in the order of the numbers.
  std::vector<Emitted> join(PrefilledRows prefilled, const std::vector<RowOptions>& options,
                            const std::vector<Attachment>& hooks);

  // One more token for every row that has not finished. When it throws, all rows are lost: their caches may be half
  // written.
  std::vector<Emitted> step(Turn& turn);

  // Drops a row before it has finished; none of that number is no error.
  void leave(int64_t row);

  bool done() const { return groups_.empty(); }
  int64_t rows() const;
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
    int64_t cached_tokens = 0;
    int64_t expected_tokens = 0;  // of the longest reply
    RowRange joined;              // the numbers of all rows that joined with these, for their hooks

    // Drops all rows but these, given by their places here.
    void keep(const std::vector<int64_t>& kept);
  };

  // Samples each row of `group` from logits [rows or prompts, vocabulary], appends to `emitted` and drops the rows that
  // finished.
  void sample(RunningGroup& group, const at::Tensor& logits, std::vector<Emitted>& emitted);
  std::vector<Emitted> prefill(const Inputs& inputs, const std::vector<RowOptions>& options, Packed& packed,
                               RowRange joining, Turn& turn);
  std::vector<Emitted> decode(Turn& turn);
  void drop_empty_groups();

  const Qwen2_5_VL& model_;
  Attachments hooks_;
  std::vector<RunningGroup> groups_;
  int64_t next_row_ = 0;
  GenerationTimings timings_;
};

}  // namespace frankentorch
