#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "convert.h"
#include "handle.h"
#include "model/qwen2_5_vl.h"
#include "runtime/turn.h"

namespace frankentorch::binding {

// A model that counts itself.
class LoadedModel {
 public:
  LoadedModel(Config config, Parameters parameters, std::shared_ptr<std::atomic<int64_t>> live)
      : model(std::move(config), std::move(parameters)), live_(std::move(live)) {
    ++*live_;
  }
  ~LoadedModel() { --*live_; }

  Qwen2_5_VL model;  // only jobs touch it, one at a time

 private:
  std::shared_ptr<std::atomic<int64_t>> live_;
};

}  // namespace frankentorch::binding
