#pragma once

#include <napi.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>

namespace frankentorch::binding {

// What a callback of JavaScript threw; it is kept there under the number of its question.
class CallbackFailure : public std::exception {
 public:
  explicit CallbackFailure(int64_t question) : question(question) {}
  const char* what() const noexcept override { return "A callback failed"; }
  const int64_t question;
};

// What went wrong on a thread that may not touch JavaScript.
struct Failure {
  std::string code;
  std::string message;
  std::string detail;  // libtorch's own text with its C++ frames, where there is one
};

// Runs `work` and catches everything it throws.
std::optional<Failure> attempt(const std::function<void()>& work);

// A JavaScript Error with `code`, and `detail` where there is one.
Napi::Error to_error(Napi::Env env, const Failure& failure);

// Runs `work`, which returns a value, on the JavaScript thread; what it throws becomes a JavaScript exception.
template <class Work>
Napi::Value guarded(Napi::Env env, Work work) {
  Napi::Value value;
  std::optional<Napi::Error> thrown;
  const auto failure = attempt([&] {
    try {
      value = work();
    } catch (const Napi::Error& error) {
      thrown = error;
    }
  });
  if (thrown) throw *thrown;
  if (failure) throw to_error(env, *failure);
  return value;
}

}  // namespace frankentorch::binding
