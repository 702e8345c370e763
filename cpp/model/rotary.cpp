#include "model/rotary.h"

#include "model/layers.h"

namespace frankentorch {
namespace {

// theta^(-2i / dim), i < dim / 2
at::Tensor inverse_frequencies(double theta, int64_t dim, at::TensorOptions options) {
  return at::pow(theta, at::arange(0, dim, 2, options) / dim).reciprocal();
}

CosSin both_halves(const at::Tensor& angles, at::ScalarType dtype) {
  const at::Tensor whole = at::cat({angles, angles}, -1).unsqueeze(1);  // [tokens, 1, head_dim]
  return {whole.cos().to(dtype), whole.sin().to(dtype)};
}

}  // namespace

CosSin multimodal_rotary(const Config& config, const at::Tensor& position_ids, at::ScalarType dtype) {
  const auto wide = accumulation_type(dtype);
  const at::Tensor frequencies =
      inverse_frequencies(config.rope_theta, config.head_dim, position_ids.options().dtype(wide));
  const at::Tensor angles = position_ids.to(wide).unsqueeze(-1) * frequencies;  // [3, tokens, head_dim / 2]
  if (config.mrope_section.empty()) return both_halves(angles[0], dtype);

  std::vector<at::Tensor> sections;
  int64_t start = 0;
  for (size_t i = 0; i < config.mrope_section.size(); ++i) {
    sections.push_back(angles[static_cast<int64_t>(i % 3)].narrow(-1, start, config.mrope_section[i]));
    start += config.mrope_section[i];
  }
  return both_halves(at::cat(sections, -1), dtype);
}

CosSin vision_rotary(const VisionConfig& config, const std::vector<Grid>& grids, at::ScalarType dtype,
                     at::Device device) {
  const auto wide = accumulation_type(dtype);
  const int64_t merge = config.spatial_merge_size;
  std::vector<int64_t> rows, columns;  // of every patch, merge cell by merge cell
  for (const auto& grid : grids)
    for (int64_t t = 0; t < grid.t; ++t)
      for (int64_t y = 0; y < grid.h; y += merge)
        for (int64_t x = 0; x < grid.w; x += merge)
          for (int64_t dy = 0; dy < merge; ++dy)
            for (int64_t dx = 0; dx < merge; ++dx) {
              rows.push_back(y + dy);
              columns.push_back(x + dx);
            }
  const int64_t dim = config.hidden_size / config.num_heads / 2;
  const at::Tensor frequencies = inverse_frequencies(10000.0, dim, at::dtype(wide).device(device));
  auto along = [&](const std::vector<int64_t>& positions) {
    return at::tensor(positions, at::kLong).to(device).to(wide).unsqueeze(-1) * frequencies;  // [patches, head_dim / 4]
  };
  return both_halves(at::cat({along(rows), along(columns)}, -1), wide);
}

}  // namespace frankentorch
