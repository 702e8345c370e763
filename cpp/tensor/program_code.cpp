#include "tensor/program_code.h"

#include <cmath>
#include <utility>

#include "runtime/failure.h"
#include "tensor/operators.h"

namespace frankentorch {
namespace {

class Reader {
 public:
  explicit Reader(const ProgramCode& code) : code_(code) {}

  bool done() const { return next_ == code_.code.size(); }

  double number() {
    if (done()) fail("ERR_INVALID_ARGUMENT", "The code of a program ends early");
    return code_.code[next_++];
  }

  int64_t integer() {
    const double value = number();
    if (!(std::abs(value) <= 9007199254740992.0))
      fail("ERR_INVALID_ARGUMENT", "Expected an integer in the code of a program but received ", value);
    return static_cast<int64_t>(value);
  }

  // A count that what remains of the code could hold.
  size_t count() {
    const int64_t value = integer();
    if (value < 0 || static_cast<size_t>(value) > code_.code.size())
      fail("ERR_INVALID_ARGUMENT", "Expected a count in the code of a program but received ", value);
    return static_cast<size_t>(value);
  }

  int64_t wide() {
    const auto high = static_cast<uint64_t>(integer()), low = static_cast<uint64_t>(integer());
    return static_cast<int64_t>(high << 32 | (low & 0xffffffff));
  }

  template <class Element>
  const Element& indexed(const std::vector<Element>& table) {
    const auto index = static_cast<size_t>(integer());
    if (index >= table.size())
      fail("ERR_INVALID_ARGUMENT", "Expected one of ", table.size(), " constants but received ", index);
    return table[index];
  }

  std::vector<Argument> arguments(bool in_list = false) {
    std::vector<Argument> result;
    const size_t size = count();
    result.reserve(size);
    for (size_t i = 0; i < size; ++i) result.push_back(argument(in_list));
    return result;
  }

  Argument argument(bool in_list) {
    using Kind = Argument::Kind;
    switch (integer()) {
      case 0:
        return {};
      case 1:
        return {Kind::literal, c10::IValue(), 0, {}};
      case 2:
        return {Kind::from_register, {}, static_cast<Register>(integer()), {}};
      case 3:
        return {Kind::literal, integer(), 0, {}};
      case 4:
        return {Kind::literal, wide(), 0, {}};
      case 5:
        return {Kind::literal, number(), 0, {}};
      case 6:
        return {Kind::literal, number() != 0, 0, {}};
      case 7:
        return {Kind::literal, indexed(code_.strings), 0, {}};
      case 8:
        return {Kind::literal, indexed(code_.tensors), 0, {}};
      case 9:
        if (!in_list) return {Kind::list, {}, 0, arguments(true)};
        [[fallthrough]];
      default:
        fail("ERR_INVALID_ARGUMENT", "Expected the kind of an argument in the code of a program");
    }
  }

 private:
  const ProgramCode& code_;
  size_t next_ = 0;
};

}  // namespace

Program decoded(const ProgramCode& code) {
  const auto& operators = Operators::of_process();
  Reader reader(code);
  Program program(reader.count());
  for (size_t remaining = reader.count(); remaining > 0; --remaining) {
    const auto& op = operators.at(static_cast<size_t>(reader.integer()));
    const int64_t flags = reader.integer();
    Program::Options options{.seed = std::nullopt, .no_grad = (flags & 1) != 0};
    if (flags & 2) options.seed = static_cast<uint64_t>(reader.wide());
    program.add(op, reader.arguments(), options);
  }
  for (size_t remaining = reader.count(); remaining > 0; --remaining)
    program.give(static_cast<Register>(reader.integer()));
  if (!reader.done()) fail("ERR_INVALID_ARGUMENT", "The code of a program goes on after its end");
  return program;
}

}  // namespace frankentorch
