#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>

#include "addon.h"
#include "convert.h"

// Through the headers that every libtorch has (no ATen/cuda), so that one source serves builds for CPU and for CUDA.
namespace frankentorch::binding {
namespace {

struct DeviceMemory {
  int64_t allocated, peak_allocated, reserved;
  size_t free, total;
};

Napi::Value cuda_device_count(Addon&, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(at::hasCUDA() ? at::getNumGPUs() : 0));
}

// (device) -> Promise<{allocated, peakAllocated, reserved, free, total}> in bytes
Napi::Value cuda_memory(Addon& addon, const Napi::CallbackInfo& info) {
  const at::Device device = to_device(info[0]);
  if (!device.is_cuda()) fail("ERR_UNKNOWN_DEVICE", "Expected a CUDA device but received '", device.str(), "'");
  const auto index = static_cast<c10::DeviceIndex>(device.has_index() ? device.index() : 0);
  return addon.engine.run(
      info.Env(), nullptr,
      [index](Turn&) {
        // the allocator knows no device before the first use of any
        at::globalContext().lazyInitDevice(at::kCUDA);
        auto* allocator = c10::getDeviceAllocator(at::kCUDA);
        const auto stats = allocator->getDeviceStats(index);
        const auto [free, total] = allocator->getMemoryInfo(index);
        constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
        return DeviceMemory{stats.allocated_bytes[all].current, stats.allocated_bytes[all].peak,
                            stats.reserved_bytes[all].current, free, total};
      },
      [](Napi::Env env, const DeviceMemory& memory) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("allocated", static_cast<double>(memory.allocated));
        result.Set("peakAllocated", static_cast<double>(memory.peak_allocated));
        result.Set("reserved", static_cast<double>(memory.reserved));
        result.Set("free", static_cast<double>(memory.free));
        result.Set("total", static_cast<double>(memory.total));
        return result;
      });
}

// () -> Promise<void>
Napi::Value cuda_empty_cache(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [](Turn&) {
        if (at::hasCUDA() && c10::getDeviceAllocator(at::kCUDA)->initialized())
          c10::getDeviceAllocator(at::kCUDA)->emptyCache();
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

}  // namespace

void define_cuda(Napi::Object exports, Addon& addon) {
  define<cuda_device_count>(exports, "cudaDeviceCount", addon);
  define<cuda_memory>(exports, "cudaMemory", addon);
  define<cuda_empty_cache>(exports, "cudaEmptyCache", addon);
}

}  // namespace frankentorch::binding
