#include "tensors.h"

#include <ATen/ATen.h>

#include <cstring>

#include "addon.h"
#include "convert.h"
#include "handle.h"

namespace frankentorch::binding {
namespace {

// Made, disposed and collected on the JavaScript thread; jobs copy the at::Tensor inside.
struct TensorHandle : Handle {
  TensorHandle(Napi::Env env, std::shared_ptr<TensorLedger> ledger, at::Tensor tensor)
      : env(env), ledger(std::move(ledger)), tensor(std::move(tensor)) {
    this->ledger->add(this->env, this->tensor);
  }
  ~TensorHandle() override { dispose(); }

  void dispose() {
    if (!tensor.defined()) return;
    ledger->remove(env, tensor);
    tensor.reset();
  }

  Napi::Env env;
  std::shared_ptr<TensorLedger> ledger;
  at::Tensor tensor;
};

TensorHandle& tensor_handle(const Napi::Value& value) {
  Handle* handle = value.IsExternal() ? value.As<Napi::External<Handle>>().Data() : nullptr;
  auto* typed = dynamic_cast<TensorHandle*>(handle);
  if (!typed) fail("ERR_INVALID_ARGUMENT", "Expected the handle of a tensor");
  return *typed;
}

// The elements alone: on the CPU, in order, with pending conjugation and negation done.
at::Tensor plain(const at::Tensor& tensor) {
  return tensor.detach().to(at::kCPU).resolve_conj().resolve_neg().contiguous();
}

// A typed array over a new ArrayBuffer with the tensor's elements; complex numbers are pairs. Floats of fewer than 32
// bits must have been widened before.
Napi::Value to_typed_array(Napi::Env env, const at::Tensor& tensor) {
  const size_t count = tensor.numel(), bytes = tensor.nbytes();
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(buffer.Data(), tensor.const_data_ptr(), bytes);
  switch (tensor.scalar_type()) {
    case at::kDouble:
      return Napi::Float64Array::New(env, count, buffer, 0);
    case at::kFloat:
      return Napi::Float32Array::New(env, count, buffer, 0);
    case at::kLong:
      return Napi::BigInt64Array::New(env, count, buffer, 0);
    case at::kInt:
      return Napi::Int32Array::New(env, count, buffer, 0);
    case at::kUInt64:
      return Napi::BigUint64Array::New(env, count, buffer, 0);
    case at::kUInt32:
      return Napi::Uint32Array::New(env, count, buffer, 0);
    case at::kUInt16:
      return Napi::Uint16Array::New(env, count, buffer, 0);
    case at::kComplexDouble:
      return Napi::Float64Array::New(env, 2 * count, buffer, 0);
    case at::kComplexFloat:
      return Napi::Float32Array::New(env, 2 * count, buffer, 0);
    case at::kShort:
      return Napi::Int16Array::New(env, count, buffer, 0);
    case at::kChar:
      return Napi::Int8Array::New(env, count, buffer, 0);
    default:
      return Napi::Uint8Array::New(env, count, buffer, 0);  // uint8 and bool
  }
}

// (bytes: TypedArray, dtype, shape) -> tensor. The bytes are copied now: JavaScript may detach the buffer later.
Napi::Value tensor_from_data(Addon& addon, const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) fail("ERR_INVALID_ARGUMENT", "Expected a typed array for data");
  // not through ArrayBuffer(), which a shared buffer is none of
  const auto data = info[0].As<Napi::Uint8Array>();
  const at::ScalarType dtype = to_dtype(info[1]);
  at::Tensor tensor = at::empty(to_ints(info[2], "shape"), at::dtype(dtype));
  if (tensor.nbytes() != data.ByteLength())
    fail("ERR_SHAPE_MISMATCH", "Expected ", tensor.nbytes(), " bytes for shape ", tensor.sizes(), " of ",
         dtype_name(dtype), " but received ", data.ByteLength());
  if (tensor.nbytes() > 0) std::memcpy(tensor.mutable_data_ptr(), data.Data(), tensor.nbytes());
  if (dtype == at::kBool) tensor = tensor.view(at::kByte).ne(0);  // any other byte is no bool
  return wrap_tensor(addon, info.Env(), tensor);
}

// (handle) -> Promise<TypedArray>
Napi::Value tensor_data(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.serve(
      info.Env(), nullptr,
      [tensor = unwrap_tensor(info[0])](Turn&) {
        const at::ScalarType dtype = tensor.scalar_type();
        const bool narrow = at::isFloatingType(dtype) && c10::elementSize(dtype) < 4;
        return plain(tensor).to(narrow ? at::kFloat : dtype);
      },
      to_typed_array);
}

// (handle) -> Promise<Uint8Array>: the elements as they are stored, half types included.
Napi::Value tensor_bytes(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.serve(
      info.Env(), nullptr, [tensor = unwrap_tensor(info[0])](Turn&) { return plain(tensor).flatten().view(at::kByte); },
      to_typed_array);
}

Napi::Value dispose_tensor(Addon&, const Napi::CallbackInfo& info) {
  tensor_handle(info[0]).dispose();
  return info.Env().Undefined();
}

Napi::Value memory(Addon& addon, const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("tensors", static_cast<double>(addon.tensors->tensors()));
  result.Set("bytes", static_cast<double>(addon.tensors->bytes()));
  result.Set("models", static_cast<double>(addon.live_models->load()));
  return result;
}

}  // namespace

void TensorLedger::add(Napi::Env env, const at::Tensor& tensor) {
  ++tensors_;
  const auto* storage = tensor.storage().unsafeGetStorageImpl();
  if (handles_by_storage_[storage]++ > 0) return;
  const auto bytes = static_cast<int64_t>(storage->nbytes());
  bytes_ += bytes;
  if (tensor.is_cpu()) Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
}

void TensorLedger::remove(Napi::Env env, const at::Tensor& tensor) {
  --tensors_;
  const auto* storage = tensor.storage().unsafeGetStorageImpl();
  const auto found = handles_by_storage_.find(storage);
  if (--found->second > 0) return;
  handles_by_storage_.erase(found);
  const auto bytes = static_cast<int64_t>(storage->nbytes());
  bytes_ -= bytes;
  if (tensor.is_cpu()) Napi::MemoryManagement::AdjustExternalMemory(env, -bytes);
}

Napi::Value wrap_tensor(Addon& addon, Napi::Env env, const at::Tensor& tensor) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", wrap(env, std::unique_ptr<Handle>(new TensorHandle(env, addon.tensors, tensor))));
  result.Set("shape", from_ints(env, tensor.sizes().vec()));
  result.Set("dtype", dtype_name(tensor.scalar_type()));
  result.Set("device", tensor.device().str());
  if (tensor.requires_grad()) result.Set("requiresGrad", true);
  return result;
}

at::Tensor unwrap_tensor(const Napi::Value& handle) {
  const at::Tensor& tensor = tensor_handle(handle).tensor;
  if (!tensor.defined()) fail("ERR_DISPOSED", "Expected a live tensor but it was disposed");
  return tensor;
}

void define_tensors(Napi::Object exports, Addon& addon) {
  define<tensor_from_data>(exports, "tensorFromData", addon);
  define<tensor_data>(exports, "tensorData", addon);
  define<tensor_bytes>(exports, "tensorBytes", addon);
  define<dispose_tensor>(exports, "disposeTensor", addon);
  define<memory>(exports, "memory", addon);
}

}  // namespace frankentorch::binding
