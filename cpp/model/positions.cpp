#include "model/positions.h"

#include <algorithm>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

// Hands out the grids of a batch in order, row after row.
class GridReader {
 public:
  GridReader(const char* kind, const Visuals& visuals, int64_t merge) : kind_(kind), visuals_(visuals), merge_(merge) {}

  Grid next(size_t row) {
    if (used_ == visuals_.grids.size())
      fail("ERR_MESSAGES", "Expected ", kind_, " for every placeholder but row ", row, " has more than the ", used_,
           " given");
    return visuals_.grids[used_++];
  }
  int64_t take_tokens(const Grid& grid) {
    const int64_t first = tokens_;
    tokens_ += grid.patches() / (merge_ * merge_);
    return first;
  }
  size_t used() const { return used_; }
  void finish() const {
    if (used_ != visuals_.grids.size())
      fail("ERR_MESSAGES", "Expected a placeholder for every one of the ", kind_, " but only ", used_, " of ",
           visuals_.grids.size(), " have one");
  }

 private:
  const char* kind_;
  const Visuals& visuals_;
  int64_t merge_;
  size_t used_ = 0;
  int64_t tokens_ = 0;
};

class RowBuilder {
 public:
  explicit RowBuilder(size_t length) {
    for (auto& axis : axes_) axis.reserve(length);
  }

  void text() {
    push(next_, next_, next_);
    ++next_;
  }

  void visual(const Grid& grid, int64_t merge, int64_t time_interval) {
    const int64_t height = grid.h / merge, width = grid.w / merge;
    for (int64_t t = 0; t < grid.t; ++t)
      for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) push(next_ + t * time_interval, next_ + y, next_ + x);
    next_ += std::max(height, width);
  }

  int64_t tokens() const { return static_cast<int64_t>(axes_[0].size()); }

  void finish(RowLayout& row) const {
    row.position_ids =
        at::stack({at::tensor(axes_[0], at::kLong), at::tensor(axes_[1], at::kLong), at::tensor(axes_[2], at::kLong)});
    row.next_position = next_;
  }

 private:
  void push(int64_t t, int64_t h, int64_t w) {
    axes_[0].push_back(t);
    axes_[1].push_back(h);
    axes_[2].push_back(w);
  }

  std::vector<int64_t> axes_[3];
  int64_t next_ = 0;
};

}  // namespace

std::vector<RowLayout> layout_rows(const Config& config, const Inputs& inputs) {
  const int64_t merge = config.vision ? config.vision->spatial_merge_size : 1;
  GridReader images("images", inputs.images, merge), videos("videos", inputs.videos, merge);
  std::vector<RowLayout> rows;
  for (size_t r = 0; r < inputs.input_ids.size(); ++r) {
    const auto& ids = inputs.input_ids[r];
    RowLayout row;
    RowBuilder builder(ids.size());
    for (size_t i = 0; i < ids.size();) {
      const bool image = config.vision && ids[i] == config.image_token_id;
      const bool video = config.vision && ids[i] == config.video_token_id;
      if (!image && !video) {
        builder.text();
        ++i;
        continue;
      }
      auto& reader = image ? images : videos;
      const size_t index = reader.used();
      const Grid grid = reader.next(r);
      int64_t time_interval = 1;
      if (video) {
        const double seconds = index < inputs.second_per_grid_ts.size() ? inputs.second_per_grid_ts[index] : 1.0;
        time_interval =
            config.vision->tokens_per_second * static_cast<int64_t>(seconds);  // whole seconds, as the reference counts
      }
      const int64_t first = builder.tokens();
      builder.visual(grid, merge, time_interval);
      const int64_t count = builder.tokens() - first, source = reader.take_tokens(grid);
      for (int64_t k = 0; k < count; ++k, ++i) {
        if (i >= ids.size() || ids[i] != (image ? config.image_token_id : config.video_token_id))
          fail("ERR_MESSAGES", "Expected ", count, " placeholders for a grid of ", grid.t, "×", grid.h, "×", grid.w,
               " in row ", r, " but found ", k);
        (image ? row.images : row.videos).push_back({first + k, source + k});
      }
    }
    builder.finish(row);
    rows.push_back(std::move(row));
  }
  images.finish();
  videos.finish();
  return rows;
}

}  // namespace frankentorch
