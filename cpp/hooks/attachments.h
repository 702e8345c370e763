#pragma once

#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hooks/points.h"
#include "model/batch.h"
#include "pch.h"

namespace frankentorch {

// Rows [first, end), in the numbering of groups.
struct RowRange {
  int64_t first = 0;
  int64_t end = std::numeric_limits<int64_t>::max();
  bool contains(int64_t row) const { return row >= first && row < end; }
};

// Whose value passes a point.
struct Passage {
  const Group* group;  // none inside the vision tower
  RowRange attached;   // the rows that the hook was attached for
};

// Something attached to a point.
class Hook {
 public:
  virtual ~Hook() = default;

  // `value` is [rows, tokens, ...], or [rows, heads, tokens, ...] inside attention, of one group; inside the vision
  // tower it is [1, patches, ...]. `input` is what its module was given, laid out alike; undefined where no module
  // ends. Returns what flows on.
  virtual at::Tensor apply(at::Tensor value, const Passage& passage, const at::Tensor& input) = 0;

  // Whether the module need not be computed: all its output is to be its input, and no later token of these rows will
  // ask for what it would have cached.
  virtual bool skips(const Passage&) const { return false; }
};

// A hook and the point it goes to.
struct Attachment {
  std::string point;
  std::shared_ptr<Hook> hook;
};

// The hooks of one forward pass or generation. Several on one point run in the order of attachment. A group's rows
// joined together, so a hook sees a group whole or not at all.
class Attachments : public Observer {
 public:
  void attach(const Attachment& attachment, RowRange rows = {}) {
    hooks_[attachment.point].push_back({attachment.hook, rows});
  }

  // Forgets the hooks that were attached for exactly these rows.
  void detach(RowRange rows);

  void enter(const Batch& batch, Stage stage) override {
    batch_ = &batch;
    stage_ = stage;
  }
  at::Tensor observe(const std::string& point, at::Tensor value, int64_t group, const at::Tensor& input) override;
  bool skips(const std::string& module) const override;
  bool looks_at(const std::string& module) const override;
  bool wants(const std::string& point) const override { return hooks_.count(point) > 0; }

 private:
  struct Attached {
    std::shared_ptr<Hook> hook;
    RowRange rows;
  };

  at::Tensor run(const std::vector<Attached>& hooks, at::Tensor value, const Group& group,
                 const at::Tensor& input) const;
  bool looks_inside(const std::string& module) const;

  std::unordered_map<std::string, std::vector<Attached>> hooks_;
  const Batch* batch_ = nullptr;
  Stage stage_ = Stage::tokens;
};

}  // namespace frankentorch
