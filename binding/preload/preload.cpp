// A small addon without a libtorch symbol. It opens libtorch by absolute path, so that the dynamic linker finds the
// libraries of the real addon, which are named by soname alone, already in the process, wherever the user keeps them.

#include <dlfcn.h>
#include <napi.h>

#include <string>

namespace {

// open(path): makes the library's symbols visible to everything loaded afterwards; throws the linker's own words.
void open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsString()) throw Napi::TypeError::New(env, "Expected the path of a library");
  const std::string path = info[0].As<Napi::String>();
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) throw Napi::Error::New(env, dlerror());
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("torchVersion", FRANKENTORCH_TORCH_VERSION);
  exports.Set("open", Napi::Function::New(env, open, "open"));
  return exports;
}

}  // namespace

NODE_API_MODULE(preload, initialize)
