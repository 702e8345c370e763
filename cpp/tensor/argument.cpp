#include "tensor/argument.h"

#include <ATen/core/jit_type.h>

#include <optional>
#include <utility>

#include "runtime/failure.h"
#include "tensor/names.h"

namespace frankentorch {
namespace {

using c10::IValue;
using c10::TypeKind;
using c10::TypePtr;

TypePtr without_optional(const TypePtr& type) {
  const auto optional = type->cast<c10::OptionalType>();
  return optional ? optional->getElementType() : type;
}

int64_t dtype_value(const std::string& name) {
  const auto dtype = dtype_named(name);
  if (!dtype) fail("ERR_UNKNOWN_DTYPE", "Expected a dtype such as float32 or bfloat16 but received '", name, "'");
  return static_cast<int64_t>(*dtype);
}

std::optional<int64_t> layout_value(std::string_view name) {
  if (name == "strided") return static_cast<int64_t>(at::kStrided);
  if (name == "sparse") return static_cast<int64_t>(at::kSparse);
  if (name == "sparse_csr") return static_cast<int64_t>(at::kSparseCsr);
  if (name == "sparse_csc") return static_cast<int64_t>(at::kSparseCsc);
  if (name == "sparse_bsr") return static_cast<int64_t>(at::kSparseBsr);
  if (name == "sparse_bsc") return static_cast<int64_t>(at::kSparseBsc);
  return std::nullopt;
}

std::optional<int64_t> memory_format_value(std::string_view name) {
  if (name == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (name == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  if (name == "channels_last") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  if (name == "channels_last_3d") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
  return std::nullopt;
}

std::optional<IValue> given_if(bool fits, const IValue& value) {
  return fits ? std::optional<IValue>(value) : std::nullopt;
}

std::optional<IValue> enumerated(const IValue& name, std::optional<int64_t> (*value_named)(std::string_view)) {
  const auto value = name.isString() ? value_named(name.toStringRef()) : std::nullopt;
  return value ? std::optional<IValue>(*value) : std::nullopt;
}

// A literal as a value of the schema's type, where it can be one.
std::optional<IValue> converted(const IValue& value, const TypePtr& type) {
  switch (type->kind()) {
    case TypeKind::OptionalType:
      if (value.isNone()) return value;
      return converted(value, without_optional(type));
    case TypeKind::TensorType:
      return given_if(value.isTensor(), value);
    case TypeKind::FloatType:
      if (value.isInt()) return IValue(static_cast<double>(value.toInt()));
      return given_if(value.isDouble(), value);
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return given_if(value.isInt(), value);
    case TypeKind::NumberType:
      return given_if(value.isInt() || value.isDouble() || value.isBool(), value);
    case TypeKind::BoolType:
      return given_if(value.isBool(), value);
    case TypeKind::StringType:
      return given_if(value.isString(), value);
    case TypeKind::ScalarTypeType:
      if (!value.isString()) return std::nullopt;
      return IValue(dtype_value(value.toStringRef()));
    case TypeKind::DeviceObjType:
      if (!value.isString()) return std::nullopt;
      return IValue(device_named(value.toStringRef()));
    case TypeKind::LayoutType:
      return enumerated(value, layout_value);
    case TypeKind::MemoryFormatType:
      return enumerated(value, memory_format_value);
    default:
      return std::nullopt;
  }
}

IValue list_of(const TypePtr& element_type, size_t size) {
  c10::impl::GenericList list(element_type);
  list.reserve(size);
  return IValue(std::move(list));
}

[[noreturn]] void misfit(const c10::Argument& declared, const c10::FunctionSchema& schema) {
  fail("ERR_INVALID_ARGUMENT", "Expected ", declared.real_type()->str(), " for argument '", declared.name(), "' of ",
       toString(schema));
}

}  // namespace

Argument fitted(Argument argument, const c10::Argument& declared, const std::vector<TypePtr>& types,
                const c10::FunctionSchema& schema) {
  using Kind = Argument::Kind;
  const auto readable = [&](Register from, const TypePtr& type) {
    return from >= 0 && static_cast<size_t>(from) < types.size() && types[from]->isSubtypeOf(*type);
  };
  if (argument.kind == Kind::default_value) {
    if (declared.default_value()) return {Kind::literal, *declared.default_value(), 0, {}};
    if (declared.type()->kind() == TypeKind::OptionalType) return {Kind::literal, IValue(), 0, {}};
    misfit(declared, schema);
  }
  const TypePtr type = without_optional(declared.real_type()), fake = without_optional(declared.type());
  const auto list_type = type->cast<c10::ListType>();
  if (!list_type) {
    if (argument.kind == Kind::from_register && readable(argument.from, declared.type())) return argument;
    if (argument.kind != Kind::literal) misfit(declared, schema);
    const auto value = converted(argument.literal, declared.real_type());
    if (!value) misfit(declared, schema);
    return {Kind::literal, *value, 0, {}};
  }

  if (argument.kind == Kind::from_register && readable(argument.from, declared.type())) return argument;
  if (argument.kind == Kind::literal && argument.literal.isNone() && declared.type()->kind() == TypeKind::OptionalType)
    return argument;
  if (argument.kind != Kind::list) {  // `dim=1` for `int[1] dim`
    const auto count = declared.N();
    if (!count) misfit(declared, schema);
    argument = {Kind::list, {}, 0, std::vector<Argument>(*count, argument)};
  }
  const TypePtr element = fake->expectRef<c10::ListType>().getElementType();
  bool constant = true;
  for (auto& each : argument.elements) {
    if (each.kind == Kind::from_register && readable(each.from, element)) {
      constant = false;
      continue;
    }
    const auto value = each.kind == Kind::literal ? converted(each.literal, list_type->getElementType()) : std::nullopt;
    if (!value) misfit(declared, schema);
    each.literal = *value;
  }
  if (!constant) return argument;
  IValue list = value_of(argument, declared, {});
  return {Kind::literal, std::move(list), 0, {}};
}

IValue value_of(const Argument& argument, const c10::Argument& declared, const std::vector<IValue>& registers) {
  using Kind = Argument::Kind;
  if (argument.kind == Kind::literal) return argument.literal;
  if (argument.kind == Kind::from_register) return registers[argument.from];
  IValue value =
      list_of(without_optional(declared.type())->expectRef<c10::ListType>().getElementType(), argument.elements.size());
  auto list = value.toList();
  for (const auto& element : argument.elements)
    list.push_back(element.kind == Kind::literal ? element.literal : registers[element.from]);
  return value;
}

}  // namespace frankentorch
