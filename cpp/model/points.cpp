#include "hooks/points.h"

#include "model/qwen2_5_vl.h"

namespace frankentorch {
namespace {

// Writes down every point a pass goes through. Two passes over prompts of different lengths tell which axes count
// tokens.
class Collector : public Observer {
 public:
  void enter(const Batch&, Stage) override {}
  bool wants(const std::string&) const override { return true; }
  bool looks_at(const std::string&) const override { return true; }
  bool skips(const std::string&) const override { return false; }
  at::Tensor observe(const std::string& point, at::Tensor value, int64_t group, const at::Tensor&) override {
    std::vector<int64_t> shape = value.sizes().vec();
    if (group < 0) shape.insert(shape.begin(), 1);  // one row
    points.push_back({point, std::move(shape)});
    return value;
  }

  std::vector<PointInfo> points;
};

// One image of `cells` merge cells in a row, and as many tokens of text.
Inputs probe_inputs(const Config& config, int64_t cells) {
  Inputs inputs;
  inputs.input_ids.emplace_back(cells, config.image_token_id == 0 ? 1 : 0);
  if (!config.vision) return inputs;
  const auto& vision = *config.vision;
  const Grid grid{1, vision.spatial_merge_size, vision.spatial_merge_size * cells};
  const int64_t width = vision.in_channels * vision.temporal_patch_size * vision.patch_size * vision.patch_size;
  inputs.images = {at::empty({grid.patches(), width}, at::dtype(at::kFloat).device(at::kMeta)), {grid}};
  inputs.input_ids[0].insert(inputs.input_ids[0].end(), cells, config.image_token_id);
  return inputs;
}

}  // namespace

std::vector<PointInfo> Qwen2_5_VL::points(Turn& turn) const {
  const Qwen2_5_VL meta(config_, parameters_.on_meta());
  auto collect = [&](int64_t cells) {
    Collector collector;
    const Inputs inputs = probe_inputs(config_, cells);
    Packed packed = meta.pack(inputs);
    const at::Tensor hidden = meta.decode(meta.embed(inputs, packed, turn, &collector), packed.batch, turn, &collector);
    meta.logits(hidden, packed.batch, &collector);
    return std::move(collector.points);
  };
  std::vector<PointInfo> points = collect(2);
  const std::vector<PointInfo> longer = collect(3);
  for (size_t i = 0; i < points.size(); ++i)
    for (size_t axis = 0; axis < points[i].shape.size(); ++axis)
      if (points[i].shape[axis] != longer[i].shape[axis]) points[i].shape[axis] = -1;
  return points;
}

}  // namespace frankentorch
