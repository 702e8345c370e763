#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace frankentorch {

// 8-bit RGB, interleaved: pixels is [height, width, 3]. Owns nothing.
struct ImageView {
  std::span<const uint8_t> pixels;
  int64_t width = 0;
  int64_t height = 0;
};

enum class Filter { kBicubic, kLanczos };

// The image at another size, byte for byte as Pillow's `Image.resize((width, height), filter)` makes it: the filter is
// stretched by the reduction factor (antialiasing), weights have 22 fractional bits, the horizontal pass comes first,
// and each pass rounds to 8 bits. A pass whose size stays is skipped. Returns [height, width, 3]. Throws ERR_IMAGE when
// a size is not positive or `image.pixels` is not [height, width, 3].
std::vector<uint8_t> resample(const ImageView& image, int64_t width, int64_t height, Filter filter);

}  // namespace frankentorch
