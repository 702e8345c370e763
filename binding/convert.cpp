#include "convert.h"

#include <ATen/Context.h>

#include <utility>

namespace frankentorch::binding {
namespace {

constexpr std::pair<const char*, at::ScalarType> kDtypes[] = {
    {"float64", at::kDouble}, {"float32", at::kFloat}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},     {"int32", at::kInt},     {"int16", at::kShort},  {"int8", at::kChar},
    {"uint8", at::kByte},     {"bool", at::kBool},
};

}  // namespace

at::ScalarType to_dtype(const Napi::Value& value) {
  const std::string name = to_string(value, "dtype");
  for (const auto& [known, dtype] : kDtypes)
    if (name == known) return dtype;
  fail("ERR_UNKNOWN_DTYPE", "Expected a dtype such as float32 or bfloat16 but received '", name, "'");
}

const char* dtype_name(at::ScalarType dtype) {
  for (const auto& [name, known] : kDtypes)
    if (dtype == known) return name;
  fail("ERR_UNKNOWN_DTYPE", "A tensor of dtype ", c10::toString(dtype), " cannot cross to JavaScript");
}

at::Device to_device(const Napi::Value& value) {
  const std::string name = to_string(value, "device");
  if (name == "cpu") return at::kCPU;
  const bool cuda = name == "cuda" || name.rfind("cuda:", 0) == 0;
  if (!cuda) fail("ERR_UNKNOWN_DEVICE", "Expected 'cpu', 'cuda' or 'cuda:N' for device but received '", name, "'");
  if (!at::hasCUDA())
    fail("ERR_UNKNOWN_DEVICE", "Expected a CUDA device for '", name,
         "' but this libtorch or this machine has none; use device 'cpu'");
  return at::Device(name);
}

}  // namespace frankentorch::binding
