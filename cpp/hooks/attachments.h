#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hooks/points.h"
#include "model/batch.h"
#include "pch.h"

namespace frankentorch {

// Something attached to a point.
class Hook {
 public:
  virtual ~Hook() = default;

  // `value` is [rows, tokens, ...], or [rows, heads, tokens, ...] inside attention, of one group; inside the vision
  // tower it is [1, patches, ...] and there is no group. Returns what flows on.
  virtual at::Tensor apply(at::Tensor value, const Group* group) = 0;
};

// The hooks of one forward pass or generation. Several on one point run in the order of attachment.
class Attachments : public Observer {
 public:
  void attach(const std::string& point, std::shared_ptr<Hook> hook) { hooks_[point].push_back(std::move(hook)); }

  void enter(const Batch* batch) override { batch_ = batch; }
  at::Tensor observe(const std::string& point, at::Tensor value, int64_t group) override;
  bool wants(const std::string& point) const override { return hooks_.count(point) > 0; }

 private:
  std::unordered_map<std::string, std::vector<std::shared_ptr<Hook>>> hooks_;
  const Batch* batch_ = nullptr;
};

}  // namespace frankentorch
