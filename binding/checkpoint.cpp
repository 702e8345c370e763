#include "addon.h"
#include "checkpoint/random_fill.h"
#include "convert.h"

namespace frankentorch::binding {
namespace {

// (bytes: Uint8Array, dtype, seed, stream, standardDeviation, first) -> Promise: fills `bytes` in place. The caller
// leaves the buffer alone until then.
Napi::Value fill_normal(Addon& addon, const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) fail("ERR_INVALID_ARGUMENT", "Expected a Uint8Array for bytes");
  auto bytes = info[0].As<Napi::Uint8Array>();
  const at::ScalarType dtype = to_dtype(info[1]);
  const NormalStream stream{.seed = static_cast<uint64_t>(to_int(info[2], "seed")),
                            .stream = static_cast<uint64_t>(to_int(info[3], "stream")),
                            .standard_deviation = to_double(info[4], "standardDeviation")};
  const auto first = static_cast<uint64_t>(to_int(info[5], "first"));
  return addon.engine.run(
      info.Env(), nullptr,
      [stream, dtype, first, data = bytes.Data(), count = bytes.ByteLength() / c10::elementSize(dtype),
       alive = Napi::Persistent(bytes)](Turn&) {
        frankentorch::fill_normal(stream, first, count, dtype, data);
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

}  // namespace

void define_checkpoint(Napi::Object exports, Addon& addon) {
  define<fill_normal>(exports, "fillNormal", addon);
}

}  // namespace frankentorch::binding
