#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "model/config.h"
#include "model/generation.h"
#include "model/inputs.h"
#include "model/parameters.h"

namespace frankentorch::binding {

// Where one parameter lies: src/checkpoint has read and checked the header it comes from.
struct ParameterSource {
  std::string name;
  size_t file;
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  uint64_t begin;
};

struct FileSource {
  std::string path;
  uint64_t size;
};

Config to_config(const Napi::Value& value);
std::vector<FileSource> to_files(const Napi::Value& value);
std::vector<ParameterSource> to_parameters(const Napi::Value& value);
Inputs to_inputs(const Napi::Value& value);
RowOptions to_row_option(const Napi::Value& value);
std::vector<RowOptions> to_row_options(const Napi::Value& value);

}  // namespace frankentorch::binding
