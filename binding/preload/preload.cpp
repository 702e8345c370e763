// A small addon without a libtorch symbol. It opens libtorch by absolute path, so that the dynamic linker finds the
// libraries of the real addon, which are named by soname alone, already in the process, wherever the user keeps them.

#include <dlfcn.h>
#include <link.h>
#include <napi.h>

#include <mutex>
#include <string>

namespace {

// Workers share the process: what one opens between another's two looks would be taken for a rival.
std::mutex opening;

// Another file of the same soname that is already in the process; empty when there is none.
std::string rival(const std::string& path) {
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr) return "";
  void* loaded = dlopen(path.substr(path.rfind('/') + 1).c_str(), RTLD_NOW | RTLD_NOLOAD);
  link_map* where = nullptr;
  if (loaded == nullptr || dlinfo(loaded, RTLD_DI_LINKMAP, &where) != 0) return "";
  return where->l_name;
}

// open(path): loads the library for good, or throws the linker's own words. RTLD_LOCAL suffices, since the linker
// matches the addon's dependencies by soname, and keeps libtorch's symbols from the other addons of the process.
void open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsString()) throw Napi::TypeError::New(env, "Expected the path of a library");
  const std::string path = info[0].As<Napi::String>();
  const std::lock_guard<std::mutex> alone(opening);
  if (const std::string other = rival(path); !other.empty()) {
    throw Napi::Error::New(env, "this process already holds " + other + "; two libtorches do not fit into one process");
  }
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) == nullptr) throw Napi::Error::New(env, dlerror());
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("torchVersion", FRANKENTORCH_TORCH_VERSION);
  exports.Set("open", Napi::Function::New(env, open, "open"));
  return exports;
}

}  // namespace

NODE_API_MODULE(preload, initialize)
