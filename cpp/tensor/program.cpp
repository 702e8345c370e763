#include "tensor/program.h"

#include <ATen/core/grad_mode.h>
#include <ATen/core/jit_type.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/failure.h"
#include "tensor/names.h"
#include "tensor/seeded.h"

namespace frankentorch {
namespace {

using c10::IValue;

// How long instructions run on before the turn may pass: rarely enough that two engines do not alternate op by op.
constexpr std::chrono::milliseconds kSlice{2};

bool needs_grad(const IValue& value) {
  if (value.isTensor()) return value.toTensor().defined() && value.toTensor().requires_grad();
  if (!value.isTensorList()) return false;
  const auto tensors = value.toTensorVector();
  return std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.requires_grad(); });
}

int64_t generator_argument(const c10::FunctionSchema& schema) {
  const auto& arguments = schema.arguments();
  for (size_t i = 0; i < arguments.size(); ++i)
    if (const auto optional = arguments[i].type()->cast<c10::OptionalType>())
      if (optional->getElementType()->kind() == c10::TypeKind::GeneratorType) return static_cast<int64_t>(i);
  return -1;
}

// 'float32[2, 3], 0.5'
void describe(std::ostream& out, const IValue& value) {
  if (!value.isTensor()) {
    out << (value.isTensorList() ? "a list of tensors" : "");
    if (!value.isTensorList()) out << value;
    return;
  }
  const at::Tensor& tensor = value.toTensor();
  if (!tensor.defined()) return void(out << "no tensor");
  const char* dtype = name_of(tensor.scalar_type());
  out << (dtype ? dtype : c10::toString(tensor.scalar_type())) << tensor.sizes();
}

// Tensors on another device in place of tensors; on `meta` they have no data.
IValue moved(const IValue& value, at::Device device) {
  const auto there = [device](const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    return device.is_meta() ? at::empty_like(tensor, tensor.options().device(device)) : tensor.to(device);
  };
  if (value.isTensor()) return there(value.toTensor());
  if (!value.isList()) return value;
  c10::impl::GenericList list(value.toList().elementType());
  for (const IValue& element : value.toListRef()) list.push_back(moved(element, device));
  return list;
}

void move(Argument& argument, at::Device device) {
  argument.literal = moved(argument.literal, device);
  for (auto& element : argument.elements) element.literal = moved(element.literal, device);
}

}  // namespace

// SplitMix64's finaliser over the one, then over both.
uint64_t mixed(uint64_t seed, uint64_t salt) {
  const auto finalised = [](uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  };
  return finalised(finalised(seed + 0x9e3779b97f4a7c15) ^ salt);
}

Program::Program(size_t inputs)
    : inputs_(inputs), types_(inputs, c10::TensorType::get()), last_used_by_(inputs, -1), given_(inputs, false) {}

Register Program::add(const c10::OperatorHandle& op, std::vector<Argument> arguments, Options options) {
  const auto& schema = op.schema();
  const auto& declared = schema.arguments();
  if (arguments.size() > declared.size())
    fail("ERR_INVALID_ARGUMENT", "Expected at most ", declared.size(), " arguments but received ", arguments.size(),
         " for ", toString(schema));
  arguments.resize(declared.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    arguments[i] = fitted(std::move(arguments[i]), declared[i], types_, schema);
    differentiates_ |= needs_grad(arguments[i].literal);
  }
  differentiates_ |= schema.name() == "frankentorch::leaf";
  random_ |= options.seed.has_value();

  const auto first_output = static_cast<Register>(types_.size());
  instructions_.push_back({op, std::move(arguments), options, generator_argument(schema), first_output, {}});
  for (const auto& argument : instructions_.back().arguments)
    for_each_register(argument, [this](Register used) { use(used); });
  for (const auto& output : schema.returns()) {
    types_.push_back(output.type());
    given_.push_back(false);
    last_used_by_.push_back(-1);
    use(static_cast<Register>(types_.size() - 1));  // where nothing later uses it, it ends here
  }
  return first_output;
}

// By the last instruction.
void Program::use(Register used) {
  const auto last = static_cast<int64_t>(instructions_.size()) - 1;
  const int64_t before = std::exchange(last_used_by_[used], last);
  if (before == last) return;
  if (before >= 0) std::erase(instructions_[before].last_uses, used);
  instructions_[last].last_uses.push_back(used);
}

void Program::give(Register result) {
  if (result < 0 || static_cast<size_t>(result) >= types_.size())
    fail("ERR_INVALID_ARGUMENT", "Expected one of ", types_.size(), " registers as a result but received ", result);
  given_[result] = true;
  results_.push_back(result);
}

std::vector<IValue> Program::run(std::vector<at::Tensor> inputs, const RunOptions& options) const {
  if (inputs.size() != inputs_)
    fail("ERR_INVALID_ARGUMENT", "Expected ", inputs_, " inputs of a program but received ", inputs.size());
  std::vector<IValue> registers(types_.size());
  std::move(inputs.begin(), inputs.end(), registers.begin());
  inputs.clear();

  torch::jit::Stack stack;
  if (options.turn) options.turn->pause();
  auto paused = std::chrono::steady_clock::now();
  for (size_t i = 0; i < instructions_.size(); ++i) {
    call(i, options, registers, stack);
    for (const Register done : instructions_[i].last_uses)
      if (!given_[done]) registers[done] = IValue();
    if (!options.turn) continue;
    if (const auto now = std::chrono::steady_clock::now(); now - paused > kSlice) {
      options.turn->pause();
      paused = now;
    }
  }

  std::vector<IValue> results;
  results.reserve(results_.size());
  for (const Register result : results_) results.push_back(registers[result]);
  return results;
}

Program Program::on_meta() const {
  Program meta = *this;
  for (auto& instruction : meta.instructions_) {
    const auto& declared = instruction.op.schema().arguments();
    for (size_t i = 0; i < declared.size(); ++i) {
      Argument& argument = instruction.arguments[i];
      // what makes a tensor out of nothing makes it where it is told
      if (declared[i].name() == "device") argument = {Argument::Kind::literal, IValue(at::Device(at::kMeta)), 0, {}};
      move(argument, at::kMeta);
    }
  }
  return meta;
}

Program Program::with_constants_on(at::Device device) const {
  const at::AutoGradMode grad(true);  // gradients reach the constants where they were
  Program there = *this;
  for (auto& instruction : there.instructions_)
    for (auto& argument : instruction.arguments) move(argument, device);
  return there;
}

void Program::call(size_t index, const RunOptions& options, std::vector<IValue>& registers,
                   std::vector<IValue>& stack) const {
  const Instruction& instruction = instructions_[index];
  const auto& schema = instruction.op.schema();
  stack.clear();
  for (size_t i = 0; i < instruction.arguments.size(); ++i)
    stack.push_back(value_of(instruction.arguments[i], schema.arguments()[i], registers));
  try {
    c10::AutoGradMode grad(at::GradMode::is_enabled() && !instruction.options.no_grad);
    if (const auto seed = instruction.options.seed)
      call_seeded(instruction.op, stack, instruction.generator, options.salt ? mixed(*seed, *options.salt) : *seed);
    else
      instruction.op.callBoxed(stack);
  } catch (c10::Error& error) {
    std::ostringstream context;
    context << "in instruction " << index << ", " << schema << ", given ";
    for (size_t i = 0; i < instruction.arguments.size(); ++i) {
      if (i > 0) context << ", ";
      describe(context, value_of(instruction.arguments[i], schema.arguments()[i], registers));
    }
    error.add_context(context.str());
    throw;
  }
  std::move(stack.begin(), stack.end(), registers.begin() + instruction.first_output);
}

}  // namespace frankentorch
