#pragma once

#include <napi.h>

#include "convert.h"

namespace frankentorch::binding {

// Reads fields of one JavaScript object, naming them in errors.
class Fields {
 public:
  Fields(const Napi::Value& value, const char* name) : object_(to_object(value, name)) {}
  Napi::Value get(const char* name) const { return object_.Get(name); }
  bool has(const char* name) const { return is_given(get(name)); }
  int64_t integer(const char* name) const { return to_int(get(name), name); }
  double number(const char* name) const { return to_double(get(name), name); }
  bool flag(const char* name) const { return get(name).ToBoolean(); }
  std::string text(const char* name) const { return to_string(get(name), name); }
  std::vector<int64_t> integers(const char* name) const { return to_ints(get(name), name); }

 private:
  Napi::Object object_;
};

}  // namespace frankentorch::binding
