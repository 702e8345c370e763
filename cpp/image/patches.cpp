#include "image/patches.h"

#include <algorithm>
#include <cstring>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

constexpr int64_t kChannels = 3;

using Levels = std::array<std::array<float, 256>, kChannels>;

// Normalised value of each of the 256 levels, rounded where the reference rounds: to float32 after rescaling in double,
// then a float32 subtraction and division.
Levels normalised_levels(const PatchOptions& options) {
  Levels levels;
  for (int64_t c = 0; c < kChannels; c++) {
    const auto mean = static_cast<float>(options.mean[c]);
    const auto std = static_cast<float>(options.std[c]);
    for (int level = 0; level < 256; level++) {
      levels[c][level] = (static_cast<float>(level * options.rescale_factor) - mean) / std;
    }
  }
  return levels;
}

// One channel of the patch whose top left pixel is `corner`, [patch_size, patch_size]; `stride` is bytes from line to
// line.
void write_plane(const uint8_t* corner, int64_t stride, int64_t patch_size, const std::array<float, 256>& levels,
                 float* out) {
  for (int64_t y = 0; y < patch_size; y++, corner += stride) {
    for (int64_t x = 0; x < patch_size; x++) *out++ = levels[corner[x * kChannels]];
  }
}

}  // namespace

PatchGrid patch_grid(int64_t frames, int64_t height, int64_t width, const PatchOptions& options) {
  const int64_t factor = options.patch_size * options.merge_size;
  if (frames < 1 || height < 1 || width < 1 || height % factor != 0 || width % factor != 0) {
    fail("ERR_IMAGE", "Expected at least one frame with sides that are multiples of ", factor, " but received ", frames,
         " of ", height, " × ", width);
  }
  return {(frames + options.temporal_patch_size - 1) / options.temporal_patch_size, height / options.patch_size,
          width / options.patch_size};
}

int64_t patch_length(const PatchOptions& options) {
  return kChannels * options.temporal_patch_size * options.patch_size * options.patch_size;
}

void write_patches(std::span<const ImageView> frames, const PatchOptions& options, std::span<float> out) {
  const int64_t height = frames.empty() ? 0 : frames[0].height;
  const int64_t width = frames.empty() ? 0 : frames[0].width;
  const auto last = static_cast<int64_t>(frames.size()) - 1;
  const PatchGrid grid = patch_grid(last + 1, height, width, options);
  const auto expected = grid.patches() * patch_length(options);
  const bool sizes_agree = std::all_of(frames.begin(), frames.end(), [&](const ImageView& frame) {
    const auto bytes = static_cast<int64_t>(frame.pixels.size());
    return frame.height == height && frame.width == width && bytes == height * width * kChannels;
  });
  if (!sizes_agree || static_cast<int64_t>(out.size()) != expected) {
    fail("ERR_IMAGE", "Expected frames of one size and room for ", expected, " values");
  }

  const Levels levels = normalised_levels(options);
  const int64_t patch = options.patch_size, merge = options.merge_size, times = options.temporal_patch_size;
  const int64_t plane = patch * patch;
  const int64_t stride = width * kChannels;
  float* to = out.data();

  // the picture at position `time` of patch (row, column): [channels, times, patch, patch] with gaps for the other
  // times
  const auto write_patch = [&](int64_t t, int64_t row, int64_t column) {
    const int64_t corner = row * patch * stride + column * patch * kChannels;
    for (int64_t c = 0; c < kChannels; c++) {
      for (int64_t time = 0; time < times; time++, to += plane) {
        const int64_t frame = std::min(t * times + time, last);
        if (time > 0 && t * times + time > last) {
          std::memcpy(to, to - plane, plane * sizeof(float));  // the last frame again
        } else {
          write_plane(frames[frame].pixels.data() + corner + c, stride, patch, levels[c], to);
        }
      }
    }
  };

  for (int64_t t = 0; t < grid.t; t++) {
    for (int64_t h = 0; h < grid.h; h += merge) {
      for (int64_t w = 0; w < grid.w; w += merge) {
        for (int64_t row = h; row < h + merge; row++) {
          for (int64_t column = w; column < w + merge; column++) write_patch(t, row, column);
        }
      }
    }
  }
}

}  // namespace frankentorch
