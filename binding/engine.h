#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "failures.h"
#include "runtime/turn.h"

namespace frankentorch::binding {

// The one native thread on which all model and tensor work of a JavaScript environment runs, in order. JavaScript holds
// promises.
//
// A job is made and destroyed on the JavaScript thread, since it may hold references to JavaScript values; only its
// work runs here.
class Engine {
 public:
  explicit Engine(Napi::Env env);
  ~Engine();

  // Queues `work(Turn&)`, whose result `settle(env, result)` turns into the promise's value back on the JavaScript
  // thread.
  template <class Work, class Settle>
  Napi::Promise run(Napi::Env env, std::shared_ptr<Cancellation> cancellation, Work work, Settle settle) {
    return submit(job(env, std::move(cancellation), std::move(work), std::move(settle)));
  }

  // The same for work that knows nothing of models, which may also run while another job waits in `serve_until`.
  template <class Work, class Settle>
  Napi::Promise serve(Napi::Env env, std::shared_ptr<Cancellation> cancellation, Work work, Settle settle) {
    auto served = job(env, std::move(cancellation), std::move(work), std::move(settle));
    served->in_between = true;
    return submit(std::move(served));
  }

  // From the engine thread, inside a job: gives the right to compute away and serves what was queued by `serve` until
  // `done`, which is asked under the engine's lock after each `nudge`. Throws ERR_ABORTED when the job is cancelled or
  // the environment ends.
  void serve_until(const std::function<bool()>& done);

  // From any thread: looks again whether a waiting job is done or cancelled.
  void nudge() {
    locked([] {});  // a waiting job has either looked already or will be woken
    wake_.notify_all();
  }

  // Under the engine's lock.
  template <class Work>
  void locked(Work work) {
    std::lock_guard lock(mutex_);
    work();
  }

  // JavaScript thread only: whether a promise is not settled yet, so that the thread may be at work.
  bool busy() const { return pending_ > 0; }

  // How often jobs or posted calls have crossed.
  int64_t crossings() const { return crossings_; }

  // From the engine thread: runs `call` on the JavaScript thread, later, in order with the settling of promises.
  void post(std::function<void(Napi::Env)> call);

  // Refuses new jobs, cancels those under way and waits for the thread. Called when the environment ends.
  void stop();

 private:
  struct Job {
    explicit Job(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}
    virtual ~Job() = default;
    virtual void compute(Turn& turn) = 0;
    virtual Napi::Value value(Napi::Env env) = 0;

    Napi::Promise::Deferred deferred;
    std::shared_ptr<Cancellation> cancellation;
    bool in_between = false;
    std::optional<Failure> failure;
  };

  template <class Work, class Settle>
  static std::unique_ptr<Job> job(Napi::Env env, std::shared_ptr<Cancellation> cancellation, Work work, Settle settle) {
    using Result = std::invoke_result_t<Work&, Turn&>;
    struct Typed : Job {
      Typed(Napi::Env env, Work work, Settle settle) : Job(env), work(std::move(work)), settle(std::move(settle)) {}
      void compute(Turn& turn) override { result.emplace(work(turn)); }
      Napi::Value value(Napi::Env env) override { return settle(env, *result); }
      Work work;
      Settle settle;
      std::optional<Result> result;
    };
    auto job = std::make_unique<Typed>(env, std::move(work), std::move(settle));
    job->cancellation = cancellation ? std::move(cancellation) : std::make_shared<Cancellation>();
    return job;
  }

  Napi::Promise submit(std::unique_ptr<Job> job);
  void loop();
  // Lock held: the first job of the queue, or the first that may run in between; null where there is none.
  std::shared_ptr<Job> next(bool in_between);
  void perform(std::shared_ptr<Job> job);
  void settle(Napi::Env env, Job& job);

  Napi::ThreadSafeFunction to_javascript_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  std::vector<std::shared_ptr<Cancellation>> running_;  // a job, and on top what it serves while it waits
  bool stopping_ = false;
  std::atomic<int64_t> crossings_{0};
  size_t pending_ = 0;  // JavaScript thread only: promises not settled yet
  std::thread thread_;
};

}  // namespace frankentorch::binding
