#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace frankentorch {

// Blocks of work that threads take in ever smaller parts, so that all of them end together though one shares its core.
class DealtBlocks {
 public:
  struct Part {
    int64_t begin = 0, end = 0;
    bool empty() const { return begin == end; }
  };

  DealtBlocks(int64_t blocks, int64_t threads) : blocks_(blocks), parts_of_rest_(2 * threads) {}

  // Empty, at the end of the blocks, when none is left.
  Part take() {
    int64_t begin = taken_, end;
    do end = begin + std::max((blocks_ - begin) / parts_of_rest_, std::min<int64_t>(1, blocks_ - begin));
    while (!taken_.compare_exchange_weak(begin, end));
    return {begin, end};
  }

 private:
  const int64_t blocks_, parts_of_rest_;
  std::atomic<int64_t> taken_ = 0;
};

}  // namespace frankentorch
