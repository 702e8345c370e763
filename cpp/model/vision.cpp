#include "model/vision.h"

#include <algorithm>

namespace frankentorch {
namespace {

constexpr double kNormEps = 1e-6;  // fixed in the architecture, not in config.json

}  // namespace

VisionBlock::VisionBlock(const Parameters& parameters, const std::string& name, int64_t num_heads)
    : num_heads_(num_heads),
      norm1_(parameters[name + ".norm1.weight"]),
      norm2_(parameters[name + ".norm2.weight"]),
      qkv_(parameters, name + ".attn.qkv"),
      proj_(parameters, name + ".attn.proj"),
      mlp_(parameters, name + ".mlp") {}

at::Tensor VisionBlock::forward(at::Tensor x, const Segments& segments, const CosSin& angles, const Points& at) const {
  x = x + at.through(".attn", rms_norm(x, norm1_, kNormEps),
                     [&](const at::Tensor& h, const Points&) { return attention(h, segments, angles); });
  return x +
         at.through(".mlp", rms_norm(x, norm2_, kNormEps), [&](const at::Tensor& h, const Points&) { return mlp_(h); });
}

at::Tensor VisionBlock::attention(const at::Tensor& x, const Segments& segments, const CosSin& angles) const {
  const auto qkv = qkv_(x).view({x.size(0), 3, num_heads_, -1}).unbind(1);  // 3 × [patches, heads, head_dim]
  return proj_(segments.attend(rotate(qkv[0], angles), rotate(qkv[1], angles), qkv[2]).flatten(1));
}

VisionTower::VisionTower(const Config& config, const Parameters& parameters)
    : config_(*config.vision),
      patch_embed_(parameters["visual.patch_embed.proj.weight"]),
      merger_norm_(parameters["visual.merger.ln_q.weight"]),
      merger_in_(parameters, "visual.merger.mlp.0"),
      merger_out_(parameters, "visual.merger.mlp.2") {
  for (int64_t i = 0; i < config_.depth; ++i)
    blocks_.emplace_back(parameters, "visual.blocks." + std::to_string(i), config_.num_heads);
}

at::Tensor VisionTower::forward(const Visuals& visuals, Turn& turn, const Points& root) const {
  check(visuals);
  const Points at = root.in("visual");
  const int64_t cell = config_.spatial_merge_size * config_.spatial_merge_size;  // patches merged into one token
  const auto device = patch_embed_.device();
  const auto dtype = patch_embed_.scalar_type();

  const WindowLayout layout = window_layout(config_, visuals.grids);
  const at::Tensor window_index = at::tensor(layout.window_index, at::kLong).to(device);
  const Segments windows(layout.cu_window_seqlens, device), frames(frame_seqlens(visuals.grids), device);
  auto to_window_order = [&](const at::Tensor& x) {  // x: [patches, ...]
    return take_rows(x.unflatten(0, {-1, cell}), window_index).flatten(0, 1);
  };

  const at::Tensor pixels = visuals.pixel_values.to(device, dtype);  // [patches, channels * temporal * patch * patch]
  at::Tensor x = at.through(".patch_embed", pixels, [&](const at::Tensor& pixels, const Points&) {
    return at::linear(pixels, patch_embed_.flatten(1));  // a convolution whose stride is its kernel
  });
  x = to_window_order(x);
  CosSin angles = vision_rotary(config_, visuals.grids, dtype, device);
  angles = {to_window_order(angles.cos), to_window_order(angles.sin)};

  for (size_t i = 0; i < blocks_.size(); ++i) {
    turn.pause();
    const bool full = std::ranges::count(config_.fullatt_block_indexes, static_cast<int64_t>(i)) > 0;
    x = at.in(".blocks", static_cast<int64_t>(i)).through("", x, [&](const at::Tensor& x, const Points& at) {
      return blocks_[i].forward(x, full ? frames : windows, angles, at);
    });
  }

  x = at.through(".merger", x, [&](const at::Tensor& x, const Points&) {
    const at::Tensor cells = rms_norm(x, merger_norm_, kNormEps).view({x.size(0) / cell, -1});
    return merger_out_(at::gelu(merger_in_(cells)));
  });
  return take_rows(x, at::argsort(window_index));  // back from window order
}

void VisionTower::check(const Visuals& visuals) const {
  const int64_t width = config_.in_channels * config_.temporal_patch_size * config_.patch_size * config_.patch_size;
  int64_t patches = 0;
  for (const auto& grid : visuals.grids) {
    if (grid.t < 1 || grid.h < 1 || grid.w < 1 || grid.h % config_.spatial_merge_size ||
        grid.w % config_.spatial_merge_size)
      fail("ERR_SHAPE_MISMATCH", "Expected grid sides that are positive multiples of ", config_.spatial_merge_size,
           " but received ", grid.t, "×", grid.h, "×", grid.w);
    patches += grid.patches();
  }
  const auto& pixels = visuals.pixel_values;
  if (!pixels.defined() || pixels.dim() != 2 || pixels.size(0) != patches || pixels.size(1) != width)
    fail("ERR_SHAPE_MISMATCH", "Expected pixel values of shape [", patches, ", ", width,
         "] for the grids but received ", pixels.defined() ? c10::str(pixels.sizes()) : "none");
}

}  // namespace frankentorch
