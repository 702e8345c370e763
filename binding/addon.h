#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "callbacks.h"
#include "convert.h"
#include "engine.h"
#include "failures.h"
#include "handle.h"
#include "tensors.h"

namespace frankentorch::binding {

// What belongs to one JavaScript environment. Passed to every function as its data and not kept with SetInstanceData,
// so that two copies of the addon can live in one environment.
struct Addon {
  explicit Addon(Napi::Env env) : tensors(std::make_shared<TensorLedger>()), callbacks(*this), engine(env) {}

  std::shared_ptr<TensorLedger> tensors;
  std::shared_ptr<std::atomic<int64_t>> live_models = std::make_shared<std::atomic<int64_t>>(0);
  Callbacks callbacks;
  Engine engine;  // last: its thread stops before what its jobs use goes
};

// exports[name] = function(addon, info); what it throws in C++ becomes a JavaScript error with a code.
template <Napi::Value (*function)(Addon&, const Napi::CallbackInfo&)>
void define(Napi::Object exports, const char* name, Addon& addon) {
  exports.Set(name, Napi::Function::New(
                        exports.Env(),
                        [](const Napi::CallbackInfo& info) {
                          return guarded(info.Env(), [&] { return function(*static_cast<Addon*>(info.Data()), info); });
                        },
                        name, &addon));
}

// What a job takes as its last argument; null where the caller gave none.
inline std::shared_ptr<Cancellation> to_cancellation(const Napi::Value& value) {
  return is_given(value) ? unwrap<Cancellation>(value, "cancellation") : nullptr;
}

// One per file of this folder.
void define_tensors(Napi::Object exports, Addon& addon);
void define_models(Napi::Object exports, Addon& addon);
void define_generation(Napi::Object exports, Addon& addon);
void define_sweep(Napi::Object exports, Addon& addon);
void define_attention(Napi::Object exports, Addon& addon);
void define_images(Napi::Object exports, Addon& addon);
void define_checkpoint(Napi::Object exports, Addon& addon);
void define_programs(Napi::Object exports, Addon& addon);
void define_training(Napi::Object exports, Addon& addon);
void define_cuda(Napi::Object exports, Addon& addon);
void define_callbacks(Napi::Object exports, Addon& addon);

}  // namespace frankentorch::binding
