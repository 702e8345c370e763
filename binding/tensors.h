#pragma once

#include <ATen/core/Tensor.h>
#include <napi.h>

#include <memory>
#include <unordered_map>

namespace frankentorch::binding {

struct Addon;

// Counts what JavaScript handles keep alive, and tells V8: an 8-byte handle may hold gigabytes. Views of one storage
// count once.
class TensorLedger {
 public:
  void add(Napi::Env env, const at::Tensor& tensor);
  void remove(Napi::Env env, const at::Tensor& tensor);
  int64_t tensors() const { return tensors_; }
  int64_t bytes() const { return bytes_; }

 private:
  std::unordered_map<const c10::StorageImpl*, int64_t> handles_by_storage_;
  int64_t tensors_ = 0;
  int64_t bytes_ = 0;
};

// { handle, shape, dtype, device }: what src/tensor/tensor.ts makes a Tensor of.
Napi::Value wrap_tensor(Addon& addon, Napi::Env env, const at::Tensor& tensor);

// Throws ERR_DISPOSED once it was disposed.
at::Tensor unwrap_tensor(const Napi::Value& handle);

}  // namespace frankentorch::binding
