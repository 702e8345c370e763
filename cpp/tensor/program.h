#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/turn.h"
#include "tensor/argument.h"

namespace frankentorch {

// A program is a value: a list of operators in single-assignment form, with typed registers (Tensor, Tensor[], int,
// float, bool) and no control flow. It owns its constants and is immutable once built, so any number of runs may share
// one.
class Program {
 public:
  // Whose inputs are `inputs` tensors.
  explicit Program(size_t inputs = 0);

  struct Options {
    // Of a random operator: each run draws from a fresh generator with this seed, as
    // torch.Generator().manual_seed(seed) would.
    std::optional<uint64_t> seed;
    bool no_grad = false;
  };

  // Appends an instruction and returns the register of its first output; the others follow. `arguments` are in the
  // order of the schema. Throws ERR_INVALID_ARGUMENT naming the schema when one does not fit.
  Register add(const c10::OperatorHandle& op, std::vector<Argument> arguments, Options options);

  // Appends `result` to what a run returns.
  void give(Register result);

  size_t input_count() const { return inputs_; }
  size_t instruction_count() const { return instructions_.size(); }
  // Some constant or instruction asks for gradients, so that a run needs gradient mode.
  bool differentiates() const { return differentiates_; }

  // Some instruction draws random numbers.
  bool random() const { return random_; }

  struct RunOptions {
    Turn* turn = nullptr;          // passed on between instructions; none: the caller does that
    std::optional<uint64_t> salt;  // makes random instructions draw otherwise than their seeds alone would
  };

  // Runs every instruction in order on the calling thread, in its gradient mode. Registers are dropped after their last
  // use. What libtorch throws names the instruction and the shapes it was given.
  std::vector<c10::IValue> run(std::vector<at::Tensor> inputs, const RunOptions& options) const;

  // The same program with shapes and dtypes only: run on meta tensors it computes nothing.
  Program on_meta() const;

  // The same program with its constants on that device.
  Program with_constants_on(at::Device device) const;

 private:
  struct Instruction {
    c10::OperatorHandle op;
    std::vector<Argument> arguments;
    Options options;
    int64_t generator;  // index of the argument that takes one, or -1
    Register first_output;
    std::vector<Register> last_uses;
  };

  void call(size_t index, const RunOptions& options, std::vector<c10::IValue>& registers,
            std::vector<c10::IValue>& stack) const;
  void use(Register used);

  size_t inputs_;
  std::vector<Instruction> instructions_;
  std::vector<c10::TypePtr> types_;    // by register
  std::vector<int64_t> last_used_by_;  // by register: the instruction, or -1
  std::vector<bool> given_;            // by register
  std::vector<Register> results_;
  bool differentiates_ = false;
  bool random_ = false;
};

// A seed that depends on both.
uint64_t mixed(uint64_t seed, uint64_t salt);

}  // namespace frankentorch
