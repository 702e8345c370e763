#pragma once

#include <ATen/core/Tensor.h>
#include <napi.h>

#include <string>
#include <vector>

#include "runtime/failure.h"

namespace frankentorch::binding {

// JavaScript values as the TypeScript layer passes them. That layer has checked arguments with words for users; these
// checks keep a mistake of ours from becoming undefined behaviour.

inline int64_t to_int(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) fail("ERR_INVALID_ARGUMENT", "Expected a number for ", name);
  return value.As<Napi::Number>().Int64Value();
}

inline double to_double(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) fail("ERR_INVALID_ARGUMENT", "Expected a number for ", name);
  return value.As<Napi::Number>().DoubleValue();
}

inline std::string to_string(const Napi::Value& value, const char* name) {
  if (!value.IsString()) fail("ERR_INVALID_ARGUMENT", "Expected a string for ", name);
  return value.As<Napi::String>().Utf8Value();
}

inline Napi::Object to_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) fail("ERR_INVALID_ARGUMENT", "Expected an object for ", name);
  return value.As<Napi::Object>();
}

inline bool is_given(const Napi::Value& value) {
  return !value.IsUndefined() && !value.IsNull();
}

// Each element of an array through `element(value)`; an absent array is an empty one.
template <class Element>
auto to_vector(const Napi::Value& value, const char* name, Element element) {
  std::vector<decltype(element(value))> result;
  if (!is_given(value)) return result;
  if (!value.IsArray()) fail("ERR_INVALID_ARGUMENT", "Expected an array for ", name);
  const auto array = value.As<Napi::Array>();
  result.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) result.push_back(element(array.Get(i)));
  return result;
}

inline std::vector<int64_t> to_ints(const Napi::Value& value, const char* name) {
  return to_vector(value, name, [&](const Napi::Value& element) { return to_int(element, name); });
}

inline Napi::Array from_ints(Napi::Env env, const std::vector<int64_t>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array.Set(static_cast<uint32_t>(i), static_cast<double>(values[i]));
  return array;
}

// 'float32', 'bfloat16', … as in torch
at::ScalarType to_dtype(const Napi::Value& value);
const char* dtype_name(at::ScalarType dtype);

at::Device to_device(const Napi::Value& value);

}  // namespace frankentorch::binding
