#include "addon.h"
#include "checkpoint/file_copy.h"
#include "checkpoint/mapped_file.h"
#include "checkpoint/random_fill.h"
#include "convert.h"
#include "worker.h"

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

// (path, size) -> handle of the mapped file
Napi::Value map_file(Addon&, const Napi::CallbackInfo& info) {
  return wrap(info.Env(), MappedFile::open(to_string(info[0], "path"), static_cast<uint64_t>(to_int(info[1], "size"))));
}

// (handle): the mapping ends with the last tensor made of it.
Napi::Value unmap_file(Addon&, const Napi::CallbackInfo& info) {
  handle_of<MappedFile>(info[0], "mapped file").value.reset();
  return info.Env().Undefined();
}

// (handle, dtype, shape, begin) -> tensor over the file
Napi::Value mapped_tensor(Addon& addon, const Napi::CallbackInfo& info) {
  return wrap_tensor(addon, info.Env(),
                     tensor_at(unwrap<MappedFile>(info[0], "mapped file"), to_dtype(info[1]), to_ints(info[2], "shape"),
                               static_cast<uint64_t>(to_int(info[3], "begin"))));
}

// The place of the first number that is not finite, or null.
Napi::Value from_place(Napi::Env env, const std::optional<uint64_t>& index) {
  return index ? Napi::Number::New(env, static_cast<double>(*index)) : env.Null();
}

// (source fd, begin, length, target fd, offset, dtype, cancellation?) -> Promise<number | null>
Napi::Value copy_numbers(Addon&, const Napi::CallbackInfo& info) {
  auto copy =
      [source = static_cast<int>(to_int(info[0], "source")), begin = static_cast<uint64_t>(to_int(info[1], "begin")),
       length = static_cast<uint64_t>(to_int(info[2], "length")), target = static_cast<int>(to_int(info[3], "target")),
       offset = static_cast<uint64_t>(to_int(info[4], "offset")),
       dtype = to_dtype(info[5])](const Cancellation& cancellation) {
        return frankentorch::copy_numbers(source, begin, length, target, offset, dtype, cancellation);
      };
  return run_on_worker(info.Env(), to_cancellation(info[6]), std::move(copy), from_place);
}

// (tensor, target fd, offset, cancellation?) -> Promise<number | null>
Napi::Value write_numbers(Addon&, const Napi::CallbackInfo& info) {
  at::Tensor tensor = unwrap_tensor(info[0]);
  if (!tensor.is_cpu() || !tensor.is_contiguous()) fail("ERR_INVALID_ARGUMENT", "Expected a contiguous CPU tensor");
  auto write = [tensor = std::move(tensor), target = static_cast<int>(to_int(info[1], "target")),
                offset = static_cast<uint64_t>(to_int(info[2], "offset"))](const Cancellation& cancellation) {
    return frankentorch::write_numbers(tensor, target, offset, cancellation);
  };
  return run_on_worker(info.Env(), to_cancellation(info[3]), std::move(write), from_place);
}

}  // namespace

void define_checkpoint(Napi::Object exports, Addon& addon) {
  define<fill_normal>(exports, "fillNormal", addon);
  define<map_file>(exports, "mapFile", addon);
  define<unmap_file>(exports, "unmapFile", addon);
  define<mapped_tensor>(exports, "mappedTensor", addon);
  define<copy_numbers>(exports, "copyNumbers", addon);
  define<write_numbers>(exports, "writeNumbers", addon);
}

}  // namespace frankentorch::binding
