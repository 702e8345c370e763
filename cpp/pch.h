// The one precompiled header of engine and addon. Narrow on purpose: torch/torch.h costs minutes and a gigabyte per
// file.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>
