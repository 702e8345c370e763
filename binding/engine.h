#pragma once

#include <napi.h>

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
    return submit(std::move(job));
  }

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
    std::optional<Failure> failure;
  };

  Napi::Promise submit(std::unique_ptr<Job> job);
  void loop();
  void settle(Napi::Env env, Job& job);

  Napi::ThreadSafeFunction to_javascript_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  std::shared_ptr<Cancellation> running_;
  bool stopping_ = false;
  size_t pending_ = 0;  // JavaScript thread only: promises not settled yet
  std::thread thread_;
};

}  // namespace frankentorch::binding
