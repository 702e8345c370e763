#include "engine.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace frankentorch::binding {

Engine::Engine(Napi::Env env)
    : to_javascript_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "frankentorch", /*maxQueueSize=*/0,
                                                   /*initialThreadCount=*/1)),
      thread_([this] { loop(); }) {
  to_javascript_.Unref(env);  // only unsettled promises keep the process alive
}

Engine::~Engine() {
  stop();
}

Napi::Promise Engine::submit(std::unique_ptr<Job> job) {
  const Napi::Env env = job->deferred.Env();
  const Napi::Promise promise = job->deferred.Promise();
  if (pending_++ == 0) to_javascript_.Ref(env);
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return promise;
}

void Engine::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const auto job = next(/*in_between=*/false);
    lock.unlock();
    perform(job);
    lock.lock();
  }
}

std::shared_ptr<Engine::Job> Engine::next(bool in_between) {
  const auto found = std::ranges::find_if(queue_, [&](const auto& job) { return !in_between || job->in_between; });
  if (found == queue_.end()) return nullptr;
  std::shared_ptr<Job> job = std::move(*found);  // shared only because a std::function must be copyable
  queue_.erase(found);
  running_.push_back(job->cancellation);
  return job;
}

void Engine::perform(std::shared_ptr<Job> job) {
  ++crossings_;
  job->failure = attempt([&] {
    if (job->cancellation->cancelled()) throw Error("ERR_ABORTED", "The work was aborted before it began");
    at::NoGradGuard no_grad;
    Turn turn(*job->cancellation);
    job->compute(turn);
  });
  {
    std::lock_guard lock(mutex_);
    running_.pop_back();
  }
  post([this, job = std::move(job)](Napi::Env env) { settle(env, *job); });
}

void Engine::serve_until(const std::function<bool()>& done) {
  const Released released;
  std::unique_lock lock(mutex_);
  const auto cancellation = running_.back();
  for (;;) {
    std::shared_ptr<Job> job;
    wake_.wait(lock, [&] {
      return stopping_ || cancellation->cancelled() || done() || (job = next(/*in_between=*/true)) != nullptr;
    });
    if (stopping_ || cancellation->cancelled()) throw Error("ERR_ABORTED", "The work was aborted");
    if (!job) return;
    lock.unlock();
    perform(std::move(job));
    lock.lock();
  }
}

void Engine::settle(Napi::Env env, Job& job) {
  if (--pending_ == 0) to_javascript_.Unref(env);
  if (job.failure) return job.deferred.Reject(to_error(env, *job.failure).Value());
  try {
    job.deferred.Resolve(guarded(env, [&] { return job.value(env); }));
  } catch (const Napi::Error& error) {
    job.deferred.Reject(error.Value());
  }
}

void Engine::post(std::function<void(Napi::Env)> call) {
  ++crossings_;
  auto* boxed = new std::function<void(Napi::Env)>(std::move(call));
  const auto status =
      to_javascript_.NonBlockingCall(boxed, [](Napi::Env env, Napi::Function, std::function<void(Napi::Env)>* boxed) {
        const std::unique_ptr<std::function<void(Napi::Env)>> call(boxed);
        if (static_cast<napi_env>(env) != nullptr) (*call)(env);  // null when the environment is going away
      });
  // Refused only while the environment ends. The box is left behind rather than freed here: it may hold JavaScript
  // references.
  (void)status;
}

void Engine::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& running : running_) running->cancel();
  }
  wake_.notify_all();
  thread_.join();
  queue_.clear();
  to_javascript_.Release();
}

}  // namespace frankentorch::binding
