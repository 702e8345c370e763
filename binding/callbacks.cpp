#include "callbacks.h"

#include "addon.h"
#include "convert.h"

namespace frankentorch::binding {
namespace {

// (answer: (question) => void)
Napi::Value on_question(Addon& addon, const Napi::CallbackInfo& info) {
  addon.callbacks.set_answerer(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

// (question, result?: tensor, failed) -> whether somebody still waits
Napi::Value answer(Addon& addon, const Napi::CallbackInfo& info) {
  const at::Tensor result = is_given(info[1]) ? unwrap_tensor(info[1]) : at::Tensor();
  const bool taken = addon.callbacks.answer(to_int(info[0], "question"), result, info[2].ToBoolean());
  return Napi::Boolean::New(info.Env(), taken);
}

}  // namespace

Callback::Ask Callbacks::ask(int64_t id) {
  return [this, id](const Callback::Question& question) { return wait(id, question); };
}

void Callbacks::set_answerer(const Napi::Function& answerer) {
  answerer_ = Napi::Persistent(answerer);
  answerer_.SuppressDestruct();  // the environment frees it, whenever that ends
}

at::Tensor Callbacks::wait(int64_t id, const Callback::Question& question) {
  Engine& engine = addon_.engine;
  const int64_t number = ++asked_;
  engine.locked([&] { waiting_[number] = {}; });
  engine.post([this, number, id, question](Napi::Env env) { pose(env, number, id, question); });
  Answer answer;
  try {
    engine.serve_until([&] { return waiting_.at(number).given; });
  } catch (...) {
    engine.locked([&] { waiting_.erase(number); });
    throw;
  }
  engine.locked([&] { answer = std::move(waiting_.extract(number).mapped()); });
  // native.ts knows by the number what the callback threw
  if (answer.failed) throw CallbackFailure(number);
  return answer.result;
}

void Callbacks::pose(Napi::Env env, int64_t number, int64_t id, const Callback::Question& question) {
  Napi::Object asked = Napi::Object::New(env);
  asked.Set("question", static_cast<double>(number));
  asked.Set("callback", static_cast<double>(id));
  asked.Set("value", wrap_tensor(addon_, env, question.value));
  asked.Set("point", question.point);
  asked.Set("prefill", question.prefill);
  asked.Set("firstToken", static_cast<double>(question.first_token));
  asked.Set("rows", from_ints(env, question.rows));
  answerer_.Call({asked});
}

bool Callbacks::answer(int64_t question, at::Tensor result, bool failed) {
  bool taken = false;
  addon_.engine.locked([&] {
    const auto found = waiting_.find(question);
    taken = found != waiting_.end();
    if (taken) found->second = {true, failed, std::move(result)};
  });
  if (taken) addon_.engine.nudge();
  return taken;
}

void define_callbacks(Napi::Object exports, Addon& addon) {
  define<on_question>(exports, "onQuestion", addon);
  define<answer>(exports, "answer", addon);
}

}  // namespace frankentorch::binding
