#include "tensor/names.h"

#include <ATen/Context.h>

#include <algorithm>
#include <utility>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

constexpr std::pair<std::string_view, at::ScalarType> kDtypes[] = {
    {"float64", at::kDouble},
    {"float32", at::kFloat},
    {"float16", at::kHalf},
    {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},
    {"int32", at::kInt},
    {"int16", at::kShort},
    {"int8", at::kChar},
    {"uint8", at::kByte},
    {"bool", at::kBool},
    {"uint64", at::kUInt64},
    {"uint32", at::kUInt32},
    {"uint16", at::kUInt16},
    {"complex128", at::kComplexDouble},
    {"complex64", at::kComplexFloat},
    {"float8_e4m3fn", at::kFloat8_e4m3fn},
    {"float8_e5m2", at::kFloat8_e5m2},
    {"float8_e4m3fnuz", at::kFloat8_e4m3fnuz},
    {"float8_e5m2fnuz", at::kFloat8_e5m2fnuz},
    {"float8_e8m0fnu", at::kFloat8_e8m0fnu},
};

}  // namespace

std::optional<at::ScalarType> dtype_named(std::string_view name) {
  for (const auto& [known, dtype] : kDtypes)
    if (name == known) return dtype;
  return std::nullopt;
}

const char* name_of(at::ScalarType dtype) {
  for (const auto& [name, known] : kDtypes)
    if (dtype == known) return name.data();
  return nullptr;
}

at::Device device_named(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  if (name == "meta") return at::kMeta;
  const bool numbered = name.size() > 5 && name.size() < 9 && name.starts_with("cuda:") &&
                        std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name != "cuda" && !numbered)
    fail("ERR_UNKNOWN_DEVICE", "Expected 'cpu', 'cuda', 'cuda:N' or 'meta' for device but received '", name, "'");
  if (!at::hasCUDA())
    fail("ERR_UNKNOWN_DEVICE", "Expected a CUDA device for '", name,
         "' but this libtorch or this machine has none; use device 'cpu'");
  const at::Device device(name);
  if (device.has_index() && static_cast<size_t>(device.index()) >= at::getNumGPUs())
    fail("ERR_UNKNOWN_DEVICE", "Expected one of the ", at::getNumGPUs(), " CUDA devices but received '", name, "'");
  return device;
}

}  // namespace frankentorch
