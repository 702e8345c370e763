#include "programs.h"

#include <ATen/core/grad_mode.h>

#include <span>

#include "addon.h"
#include "convert.h"
#include "handle.h"
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

// ({ code, tensors, strings }) -> program
Napi::Value create_program(Addon&, const Napi::CallbackInfo& info) {
  return wrap(info.Env(), std::const_pointer_cast<RecordedProgram>(to_program(info[0])));
}

Napi::Value dispose_program(Addon&, const Napi::CallbackInfo& info) {
  handle_of<RecordedProgram>(info[0], "program").value.reset();
  return info.Env().Undefined();
}

// (program) -> the tensors that it owns
Napi::Value program_tensors(Addon& addon, const Napi::CallbackInfo& info) {
  const auto program = to_program(info[0]);
  Napi::Array array = Napi::Array::New(info.Env(), program->constants.size());
  for (size_t i = 0; i < program->constants.size(); ++i)
    array.Set(static_cast<uint32_t>(i), wrap_tensor(addon, info.Env(), program->constants[i]));
  return array;
}

// (program, shapes of its inputs, dtype of all) -> [{ shape, dtype }] of its results. Runs at once, for on the meta
// device nothing is computed.
Napi::Value dry_run_program(Addon&, const Napi::CallbackInfo& info) {
  const auto options = at::dtype(to_dtype(info[2])).device(at::kMeta);
  auto inputs = to_vector(info[1], "shapes",
                          [&](const Napi::Value& shape) { return at::empty(to_ints(shape, "shape"), options); });
  at::NoGradGuard no_grad;
  const auto results = to_program(info[0])->program.on_meta().run(std::move(inputs), {});
  Napi::Array array = Napi::Array::New(info.Env(), results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].isTensor()) continue;
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("shape", from_ints(info.Env(), results[i].toTensor().sizes().vec()));
    result.Set("dtype", dtype_name(results[i].toTensor().scalar_type()));
    array.Set(static_cast<uint32_t>(i), result);
  }
  return array;
}

// (program, inputs: tensors, cancellation?) -> Promise of its results
Napi::Value run_program(Addon& addon, const Napi::CallbackInfo& info) {
  auto run = [program = to_program(info[0]), inputs = to_vector(info[1], "inputs", unwrap_tensor)](Turn& turn) mutable {
    const bool differentiates =
        program->program.differentiates() ||
        std::any_of(inputs.begin(), inputs.end(), [](auto& input) { return input.requires_grad(); });
    c10::AutoGradMode grad(differentiates);
    auto results = program->program.run(std::move(inputs), {.turn = &turn, .salt = std::nullopt});
    program.reset();
    for (const auto& result : results) check_crosses(result);
    return results;
  };
  return addon.engine.serve(
      info.Env(), to_cancellation(info[2]), std::move(run),
      [&addon](Napi::Env env, const std::vector<c10::IValue>& results) { return from_results(addon, env, results); });
}

}  // namespace

Napi::Array from_results(Addon& addon, Napi::Env env, const std::vector<c10::IValue>& results) {
  Napi::Array array = Napi::Array::New(env, results.size());
  for (size_t i = 0; i < results.size(); ++i) array.Set(static_cast<uint32_t>(i), from_result(addon, env, results[i]));
  return array;
}

std::shared_ptr<const RecordedProgram> to_program(const Napi::Value& value) {
  if (value.IsExternal()) return unwrap<RecordedProgram>(value, "program");
  const auto fields = to_object(value, "program");
  const auto code = fields.Get("code");
  if (!code.IsTypedArray() || code.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    fail("ERR_INVALID_ARGUMENT", "Expected a Float64Array for the code of a program");
  const auto numbers = code.As<Napi::Float64Array>();
  auto tensors = to_vector(fields.Get("tensors"), "tensors", unwrap_tensor);
  Program program = decoded(
      {std::span<const double>(numbers.Data(), numbers.ElementLength()), tensors,
       to_vector(fields.Get("strings"), "strings", [](const Napi::Value& text) { return to_string(text, "string"); })});
  return std::make_shared<const RecordedProgram>(std::move(program), std::move(tensors));
}

void define_programs(Napi::Object exports, Addon& addon) {
  define<operator_schemas>(exports, "operatorSchemas", addon);
  define<create_program>(exports, "createProgram", addon);
  define<dispose_program>(exports, "disposeProgram", addon);
  define<program_tensors>(exports, "programTensors", addon);
  define<dry_run_program>(exports, "dryRunProgram", addon);
  define<run_program>(exports, "runProgram", addon);
}

}  // namespace frankentorch::binding
