#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "image/resample.h"

namespace frankentorch {

// How pixels become rows of `pixel_values` (preprocessor_config.json). Mean and standard deviation per channel are of
// values times rescale_factor.
struct PatchOptions {
  int64_t patch_size = 14;
  int64_t temporal_patch_size = 2;
  int64_t merge_size = 2;
  double rescale_factor = 1.0 / 255;
  std::array<double, 3> mean{};
  std::array<double, 3> std{};
};

// Patches of an image (one frame) or a video: t × h × w, where a frame of the grid is temporal_patch_size pictures.
struct PatchGrid {
  int64_t t = 0, h = 0, w = 0;
  int64_t patches() const { return t * h * w; }
};

// The grid of `frames` pictures of `height` × `width` pixels.
// Throws ERR_IMAGE unless both sides are multiples of patch_size * merge_size.
PatchGrid patch_grid(int64_t frames, int64_t height, int64_t width, const PatchOptions& options);

// Length of one row: channels * temporal_patch_size * patch_size².
int64_t patch_length(const PatchOptions& options);

// Normalised patches of `frames` (all of one size) in the order of the Qwen2-VL image processor: rows (t, h / merge,
// w / merge, merge, merge), so that the patches that the merger joins are neighbours; in a row (channel, time, y, x).
// The last frame is repeated until temporal_patch_size divides their number. Writes [patches, patch_length] floats to
// `out`.
void write_patches(std::span<const ImageView> frames, const PatchOptions& options, std::span<float> out);

}  // namespace frankentorch
