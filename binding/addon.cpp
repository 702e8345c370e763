#include "addon.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "convert.h"
#include "handle.h"
#include "runtime/operation_count.h"

namespace frankentorch::binding {
namespace {

Napi::Value create_cancellation(Addon&, const Napi::CallbackInfo& info) {
  return wrap(info.Env(), std::make_shared<Cancellation>());
}

Napi::Value cancel(Addon& addon, const Napi::CallbackInfo& info) {
  unwrap<Cancellation>(info[0], "cancellation")->cancel();
  addon.engine.nudge();
  return info.Env().Undefined();
}

Napi::Value set_num_threads(Addon& addon, const Napi::CallbackInfo& info) {
  const auto threads = static_cast<int>(to_int(info[0], "threads"));
  return addon.engine.run(
      info.Env(), nullptr, [threads](Turn&) { return at::set_num_threads(threads), threads; },
      [](Napi::Env env, int threads) { return Napi::Number::New(env, threads); });
}

Napi::Value num_threads(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr, [](Turn&) { return at::get_num_threads(); },
      [](Napi::Env env, int threads) { return Napi::Number::New(env, threads); });
}

// (on) -> Promise of what was counted until now, { name: count }
Napi::Value count_operations(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [on = info[0].ToBoolean().Value()](Turn&) {
        auto counts = OperationCount::stop();
        if (on) OperationCount::start();
        return counts;
      },
      [](Napi::Env env, const std::map<std::string, int64_t>& counts) {
        Napi::Object result = Napi::Object::New(env);
        for (const auto& [name, count] : counts) result.Set(name, static_cast<double>(count));
        return result;
      });
}

Napi::Value crossings(Addon& addon, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(addon.engine.crossings()));
}

// What libtorch keeps for the whole process is taken down as that exits, and process.exit() waits for nobody: a thread
// still at work would then compute with what is gone. Exit handlers run last come first, and some of libtorch's are
// registered at the first use of what they take down, so only one that comes now, as the last, goes before all of them.
Napi::Value before_exit(Addon& addon, const Napi::CallbackInfo& info) {
  auto leave = [](int status, void*) {
    std::fflush(nullptr);
    _exit(status);
  };
  if (addon.engine.busy()) on_exit(leave, nullptr);
  return info.Env().Undefined();
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* addon = new Addon(env);
  env.AddCleanupHook([addon] { delete addon; });
  exports.Set("torchVersion", FRANKENTORCH_TORCH_VERSION);
  define<create_cancellation>(exports, "createCancellation", *addon);
  define<cancel>(exports, "cancel", *addon);
  define<set_num_threads>(exports, "setNumThreads", *addon);
  define<num_threads>(exports, "numThreads", *addon);
  define<count_operations>(exports, "countOperations", *addon);
  define<crossings>(exports, "crossings", *addon);
  define<before_exit>(exports, "beforeExit", *addon);
  define_tensors(exports, *addon);
  define_models(exports, *addon);
  define_generation(exports, *addon);
  define_sweep(exports, *addon);
  define_attention(exports, *addon);
  define_images(exports, *addon);
  define_checkpoint(exports, *addon);
  define_programs(exports, *addon);
  define_training(exports, *addon);
  define_cuda(exports, *addon);
  define_callbacks(exports, *addon);
  return exports;
}

}  // namespace
}  // namespace frankentorch::binding

using frankentorch::binding::initialize;
NODE_API_MODULE(frankentorch, initialize)
