#include "failures.h"

#include <c10/util/Exception.h>

#include <new>

#include "runtime/failure.h"

namespace frankentorch::binding {
namespace {

// libtorch reports exhausted CPU memory as a plain c10::Error, told apart by its words only.
bool is_out_of_memory(const std::string& message) {
  return message.find("DefaultCPUAllocator") != std::string::npos ||
         message.find("not enough memory") != std::string::npos ||
         message.find("can't allocate memory") != std::string::npos ||
         message.find("Storage size calculation overflowed") != std::string::npos;
}

}  // namespace

std::optional<Failure> attempt(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const CallbackFailure& failure) {
    return Failure{"ERR_CALLBACK", failure.what(), std::to_string(failure.question)};
  } catch (const Error& error) {
    return Failure{error.code(), error.what(), {}};
  } catch (const c10::OutOfMemoryError& error) {
    return Failure{"ERR_OUT_OF_MEMORY", error.what_without_backtrace(), error.what()};
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return Failure{is_out_of_memory(message) ? "ERR_OUT_OF_MEMORY" : "ERR_ENGINE", message, error.what()};
  } catch (const std::bad_alloc&) {
    return Failure{"ERR_OUT_OF_MEMORY", "Memory could not be allocated", {}};
  } catch (const std::exception& error) {
    return Failure{"ERR_ENGINE", error.what(), {}};
  } catch (...) {
    return Failure{"ERR_ENGINE", "An exception of unknown type was thrown", {}};
  }
}

Napi::Error to_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, failure.code));
  if (!failure.detail.empty()) error.Set("detail", Napi::String::New(env, failure.detail));
  return error;
}

}  // namespace frankentorch::binding
