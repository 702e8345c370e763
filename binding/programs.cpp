#include "programs.h"

#include <ATen/core/grad_mode.h>

#include <span>

#include "addon.h"
#include "convert.h"
#include "tensor/operators.h"
#include "tensor/program_code.h"

namespace frankentorch::binding {
namespace {

// () -> one schema a line
Napi::Value operator_schemas(Addon&, const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), Operators::of_process().schemas());
}

// Only dense tensors have bytes to read: others may be made and used inside a program but not leave it.
void check_crosses(const c10::IValue& value) {
  if (value.isTensorList())
    for (const auto& tensor : value.toListRef()) check_crosses(tensor);
  if (!value.isTensor() || !value.toTensor().defined()) return;
  const at::Tensor& tensor = value.toTensor();
  if (tensor.layout() != at::kStrided || tensor.is_quantized() || tensor.is_nested() || !tensor.has_storage())
    fail("ERR_INVALID_ARGUMENT", "Expected a dense tensor as the result of a program but it is ", tensor.toString(),
         "; end with to_dense(), dequantize() or to_padded_tensor()");
  dtype_name(tensor.scalar_type());
}

Napi::Value from_result(Addon& addon, Napi::Env env, const c10::IValue& value) {
  if (value.isTensor()) return value.toTensor().defined() ? wrap_tensor(addon, env, value.toTensor()) : env.Null();
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isInt()) return Napi::Number::New(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isList()) {
    const auto list = value.toListRef();
    Napi::Array array = Napi::Array::New(env, list.size());
    for (size_t i = 0; i < list.size(); ++i) array.Set(static_cast<uint32_t>(i), from_result(addon, env, list[i]));
    return array;
  }
  return env.Null();
}

// (program, inputs: tensors, cancellation?) -> Promise of its results
Napi::Value run_program(Addon& addon, const Napi::CallbackInfo& info) {
  auto run = [program = to_program(info[0]), inputs = to_vector(info[1], "inputs", unwrap_tensor)](Turn& turn) mutable {
    const bool differentiates = program->differentiates() || std::any_of(inputs.begin(), inputs.end(), [](auto& input) {
                                  return input.requires_grad();
                                });
    c10::AutoGradMode grad(differentiates);
    auto results = program->run(std::move(inputs), turn);
    program.reset();
    for (const auto& result : results) check_crosses(result);
    return results;
  };
  return addon.engine.run(info.Env(), to_cancellation(info[2]), std::move(run),
                          [&addon](Napi::Env env, const std::vector<c10::IValue>& results) {
                            Napi::Array array = Napi::Array::New(env, results.size());
                            for (size_t i = 0; i < results.size(); ++i)
                              array.Set(static_cast<uint32_t>(i), from_result(addon, env, results[i]));
                            return array;
                          });
}

}  // namespace

std::shared_ptr<const Program> to_program(const Napi::Value& value) {
  const auto fields = to_object(value, "program");
  const auto code = fields.Get("code");
  if (!code.IsTypedArray() || code.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    fail("ERR_INVALID_ARGUMENT", "Expected a Float64Array for the code of a program");
  const auto numbers = code.As<Napi::Float64Array>();
  return std::make_shared<const Program>(
      decoded({std::span<const double>(numbers.Data(), numbers.ElementLength()),
               to_vector(fields.Get("tensors"), "tensors", unwrap_tensor),
               to_vector(fields.Get("strings"), "strings",
                         [](const Napi::Value& text) { return to_string(text, "string"); })}));
}

void define_programs(Napi::Object exports, Addon& addon) {
  define<operator_schemas>(exports, "operatorSchemas", addon);
  define<run_program>(exports, "runProgram", addon);
}

}  // namespace frankentorch::binding
