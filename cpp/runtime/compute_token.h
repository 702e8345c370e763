#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace frankentorch {

// One team of OpenMP threads computes at a time in this process: two teams on the same cores slow each other 7-10
// times. Engines (one per JavaScript environment) queue here, first come first served, and hold the token for one
// layer, decode step or program.
class ComputeToken {
 public:
  static ComputeToken& of_process();

  void acquire();
  void release();
  bool contended() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable turn_;
  uint64_t next_ticket_ = 0;
  uint64_t now_serving_ = 0;
};

}  // namespace frankentorch
