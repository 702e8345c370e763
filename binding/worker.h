#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "failures.h"
#include "runtime/turn.h"

namespace frankentorch::binding {

// Runs `work(const Cancellation&)` on a thread of Node's pool, beside the engine's: for files, which need no turn to
// compute. `settle(env, result)` makes the promise's value.
template <class Work, class Settle>
Napi::Promise run_on_worker(Napi::Env env, std::shared_ptr<Cancellation> cancellation, Work work, Settle settle) {
  using Result = std::invoke_result_t<Work&, const Cancellation&>;
  struct Worker : Napi::AsyncWorker {
    Worker(Napi::Env env, std::shared_ptr<Cancellation> cancellation, Work work, Settle settle)
        : Napi::AsyncWorker(env),
          deferred(Napi::Promise::Deferred::New(env)),
          cancellation(cancellation ? std::move(cancellation) : std::make_shared<Cancellation>()),
          work(std::move(work)),
          settle(std::move(settle)) {}
    void Execute() override {
      failure = attempt([this] { result.emplace(work(*cancellation)); });
    }
    void OnOK() override {
      if (failure) return deferred.Reject(to_error(Env(), *failure).Value());
      deferred.Resolve(settle(Env(), *result));
    }
    Napi::Promise::Deferred deferred;
    std::shared_ptr<Cancellation> cancellation;
    Work work;
    Settle settle;
    std::optional<Result> result;
    std::optional<Failure> failure;
  };
  auto* worker = new Worker(env, std::move(cancellation), std::move(work), std::move(settle));  // deletes itself
  const Napi::Promise promise = worker->deferred.Promise();
  worker->Queue();
  return promise;
}

}  // namespace frankentorch::binding
