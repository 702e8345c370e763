#include "runtime/compute_token.h"

namespace frankentorch {

ComputeToken& ComputeToken::of_process() {
  static ComputeToken token;
  return token;
}

void ComputeToken::acquire() {
  std::unique_lock lock(mutex_);
  const uint64_t ticket = next_ticket_++;
  turn_.wait(lock, [&] { return now_serving_ == ticket; });
}

void ComputeToken::release() {
  {
    std::lock_guard lock(mutex_);
    ++now_serving_;
  }
  turn_.notify_all();
}

bool ComputeToken::contended() const {
  std::lock_guard lock(mutex_);
  return next_ticket_ - now_serving_ > 1;
}

}  // namespace frankentorch
