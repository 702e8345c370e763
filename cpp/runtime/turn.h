#pragma once

#include <atomic>

#include "runtime/compute_token.h"
#include "runtime/failure.h"

namespace frankentorch {

// Set from any thread; read where work can stop.
class Cancellation {
 public:
  void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

// Gives the right to compute away for as long as this lives, on a thread that holds it.
class Released {
 public:
  Released() { ComputeToken::of_process().release(); }
  ~Released() { ComputeToken::of_process().acquire(); }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
};

// The right to compute, held while a job runs. `pause()` stands once per layer, decode step or program: it stops
// cancelled work and lets another engine of the process have its turn.
class Turn {
 public:
  explicit Turn(const Cancellation& cancellation) : cancellation_(cancellation) {
    ComputeToken::of_process().acquire();
  }
  ~Turn() { ComputeToken::of_process().release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  void pause() {
    if (cancellation_.cancelled()) throw Error("ERR_ABORTED", "The work was aborted");
    auto& token = ComputeToken::of_process();
    if (!token.contended()) return;
    token.release();
    token.acquire();
  }

 private:
  const Cancellation& cancellation_;
};

}  // namespace frankentorch
