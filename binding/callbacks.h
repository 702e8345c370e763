#pragma once

#include <napi.h>

#include <map>

#include "engine.h"
#include "hooks/callback.h"

namespace frankentorch::binding {

struct Addon;

// Questions that jobs put to JavaScript, and wait for.
class Callbacks {
 public:
  explicit Callbacks(Addon& addon) : addon_(addon) {}

  // What a hook asks through: `id` is the number under which JavaScript knows the function.
  Callback::Ask ask(int64_t id);

  // On the JavaScript thread: who answers.
  void set_answerer(const Napi::Function& answerer);

  // On the JavaScript thread. False when nobody waits for that answer any more.
  bool answer(int64_t question, at::Tensor result, bool failed);

 private:
  struct Answer {
    bool given = false, failed = false;
    at::Tensor result;
  };

  at::Tensor wait(int64_t id, const Callback::Question& question);
  void pose(Napi::Env env, int64_t number, int64_t id, const Callback::Question& question);

  Addon& addon_;
  Napi::FunctionReference answerer_;
  std::map<int64_t, Answer> waiting_;  // guarded by the engine's lock
  int64_t asked_ = 0;                  // engine thread only
};

}  // namespace frankentorch::binding
