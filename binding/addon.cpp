#include <napi.h>

namespace {

Napi::Object initialize(Napi::Env, Napi::Object exports) {
  exports.Set("torchVersion", FRANKENTORCH_TORCH_VERSION);
  return exports;
}

}  // namespace

NODE_API_MODULE(frankentorch, initialize)
