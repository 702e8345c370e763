#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <optional>
#include <string>
#include <string_view>

namespace frankentorch {

// 'float32', 'bfloat16', … as in torch; none for a name that is not one.
std::optional<at::ScalarType> dtype_named(std::string_view name);

// Null for what has no value outside libtorch: quantized types, bit blobs.
const char* name_of(at::ScalarType dtype);

// 'cpu', 'cuda', 'cuda:N' or 'meta'. Throws ERR_UNKNOWN_DEVICE, also for a device that this machine has not.
at::Device device_named(const std::string& name);

}  // namespace frankentorch
