#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace frankentorch {

// Blocks of work that threads take in ever smaller parts, so that all of them end together though one shares its core.
class DealtBlocks {
 public:
  DealtBlocks(int64_t blocks, int64_t threads) : blocks_(blocks), parts_of_rest_(2 * threads) {}

  // From each thread: work(block, after) on blocks until none is left. `after` is the one this thread works on next, or
  // behind the last; the next part is taken before the last block of one, so that it is known.
  template <class Work>
  void work_off(Work work) {
    for (Part part = take(), next; !part.empty(); part = next)
      for (int64_t block = part.begin; block < part.end; ++block) {
        const bool last = block + 1 == part.end;
        if (last) next = take();
        work(block, last ? next.begin : block + 1);
      }
  }

 private:
  struct Part {
    int64_t begin = 0, end = 0;
    bool empty() const { return begin == end; }
  };

  // Empty, behind the last block, when none is left.
  Part take() {
    int64_t begin = taken_, end;
    do end = begin + std::max((blocks_ - begin) / parts_of_rest_, std::min<int64_t>(1, blocks_ - begin));
    while (!taken_.compare_exchange_weak(begin, end));
    return {begin, end};
  }

  const int64_t blocks_, parts_of_rest_;
  std::atomic<int64_t> taken_ = 0;
};

}  // namespace frankentorch
