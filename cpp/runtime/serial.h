#pragma once

#include <ATen/Parallel.h>

namespace frankentorch {

// One thread for the kernels that run on this thread while this lives, where `wanted`: below some size of the operands,
// waking a second thread costs more than it takes over.
class Serial {
 public:
  explicit Serial(bool wanted) : threads_(wanted ? at::get_num_threads() : 1) {
    if (threads_ > 1) at::set_num_threads(1);
  }
  ~Serial() {
    if (threads_ > 1) at::set_num_threads(threads_);
  }
  Serial(const Serial&) = delete;
  Serial& operator=(const Serial&) = delete;

 private:
  int threads_;
};

}  // namespace frankentorch
