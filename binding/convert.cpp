#include "convert.h"

#include "tensor/names.h"

namespace frankentorch::binding {

at::ScalarType to_dtype(const Napi::Value& value) {
  const std::string name = to_string(value, "dtype");
  const auto dtype = dtype_named(name);
  if (!dtype) fail("ERR_UNKNOWN_DTYPE", "Expected a dtype such as float32 or bfloat16 but received '", name, "'");
  return *dtype;
}

const char* dtype_name(at::ScalarType dtype) {
  const char* name = name_of(dtype);
  if (!name) fail("ERR_UNKNOWN_DTYPE", "A tensor of dtype ", c10::toString(dtype), " cannot cross to JavaScript");
  return name;
}

at::Device to_device(const Napi::Value& value) {
  return device_named(to_string(value, "device"));
}

}  // namespace frankentorch::binding
