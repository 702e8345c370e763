#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "runtime/failure.h"

namespace frankentorch::binding {

// What a JavaScript external holds. Native objects live in shared_ptrs, which jobs copy: disposing or collecting a
// handle only drops its own reference.
struct Handle {
  virtual ~Handle() = default;
};

template <class T>
struct HandleOf : Handle {
  explicit HandleOf(std::shared_ptr<T> value) : value(std::move(value)) {}
  std::shared_ptr<T> value;  // null once disposed
};

inline Napi::Value wrap(Napi::Env env, std::unique_ptr<Handle> handle) {
  return Napi::External<Handle>::New(env, handle.release(), [](Napi::Env, Handle* handle) { delete handle; });
}

template <class T>
Napi::Value wrap(Napi::Env env, std::shared_ptr<T> value) {
  return wrap(env, std::unique_ptr<Handle>(new HandleOf<T>(std::move(value))));
}

template <class T>
HandleOf<T>& handle_of(const Napi::Value& value, const char* kind) {
  Handle* handle = value.IsExternal() ? value.As<Napi::External<Handle>>().Data() : nullptr;
  auto* typed = dynamic_cast<HandleOf<T>*>(handle);
  if (!typed) fail("ERR_INVALID_ARGUMENT", "Expected the handle of a ", kind);
  return *typed;
}

// The object behind a handle. Throws ERR_DISPOSED once it was disposed.
template <class T>
std::shared_ptr<T> unwrap(const Napi::Value& value, const char* kind) {
  auto& handle = handle_of<T>(value, kind);
  if (!handle.value) fail("ERR_DISPOSED", "Expected a live ", kind, " but it was disposed");
  return handle.value;
}

}  // namespace frankentorch::binding
