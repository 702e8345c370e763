#include "tensor/seeded.h"

#include <ATen/Context.h>
#include <ATen/core/Generator.h>

#include <memory>

namespace frankentorch {
namespace {

// Where the operator draws: the device it is told, else that of its first tensor.
at::Device drawing_device(const std::vector<c10::IValue>& stack) {
  for (const auto& value : stack)
    if (value.isDevice()) return value.toDevice();
  for (const auto& value : stack)
    if (value.isTensor() && value.toTensor().defined()) return value.toTensor().device();
  return at::kCPU;
}

// The default generator with another seed, for as long as this lives. Safe because one program computes at a time in a
// process (ComputeToken).
class DefaultGeneratorSeed {
 public:
  DefaultGeneratorSeed(at::Device device, uint64_t seed)
      : generator_(at::globalContext().defaultGenerator(device)), state_(generator_.get_state()) {
    generator_.set_current_seed(seed);
  }
  ~DefaultGeneratorSeed() { generator_.set_state(state_); }
  DefaultGeneratorSeed(const DefaultGeneratorSeed&) = delete;
  DefaultGeneratorSeed& operator=(const DefaultGeneratorSeed&) = delete;

 private:
  at::Generator generator_;
  at::Tensor state_;
};

}  // namespace

void call_seeded(const c10::OperatorHandle& op, std::vector<c10::IValue>& stack, int64_t generator, uint64_t seed) {
  const at::Device device = drawing_device(stack);
  if (device.is_meta()) return op.callBoxed(stack);
  if (generator < 0) {
    const DefaultGeneratorSeed seeded(device, seed);
    return op.callBoxed(stack);
  }
  at::Generator fresh = at::globalContext().defaultGenerator(device).clone();
  fresh.set_current_seed(seed);
  stack[generator] = fresh;
  op.callBoxed(stack);
}

}  // namespace frankentorch
