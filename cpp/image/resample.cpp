#include "image/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/failure.h"

// Loops that GCC shall vectorise though the library is built with -O2, in a version for any machine and one for AVX2,
// chosen when the library is loaded. The arithmetic is on integers, so both agree.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FRANKENTORCH_VECTORISED __attribute__((optimize("O3"), target_clones("avx2", "default")))
#else
#define FRANKENTORCH_VECTORISED
#endif

namespace frankentorch {
namespace {

constexpr int64_t kChannels = 3;
// Pillow's PRECISION_BITS: 8 bits are the pixel's, 2 keep negative lobes and overshoot inside 32.
constexpr int kFractionBits = 32 - 8 - 2;

// One output pixel is the weighted sum of `count` input pixels from `first` on.
struct Tap {
  int64_t first;
  int64_t count;
  const int32_t* weights;
};

struct Taps {
  std::vector<Tap> of;  // one for each output pixel
  std::vector<int32_t> weights;
};

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) {
  return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

// The order of the floating-point operations is Pillow's: a weight a hair aside rounds to another integer.
Taps make_taps(int64_t from, int64_t to, Filter filter) {
  const auto kernel = filter == Filter::kBicubic ? bicubic : lanczos;
  const double radius = filter == Filter::kBicubic ? 2 : 3;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0);
  const double support = radius * stretch;
  const int64_t widest = static_cast<int64_t>(std::ceil(support)) * 2 + 1;

  Taps taps;
  taps.of.reserve(to);
  taps.weights.resize(to * widest);
  std::vector<double> exact(widest);
  for (int64_t i = 0; i < to; i++) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t count = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5), from) - first;
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
      exact[k] = kernel((static_cast<double>(k + first) - center + 0.5) * (1.0 / stretch));
      sum += exact[k];
    }
    int32_t* weights = taps.weights.data() + i * widest;
    for (int64_t k = 0; k < count; k++) {
      const double weight = sum != 0 ? exact[k] / sum : exact[k];
      weights[k] = static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kFractionBits));
    }
    taps.of.push_back({first, count, weights});
  }
  return taps;
}

inline uint8_t round_to_byte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

// Eight rows side by side, [width * 3, 8], so that a weight multiplies one vector of bytes.
constexpr int64_t kLanes = 8;

// in: [rows ≤ 8, from, 3] → out: [rows, to, 3]
FRANKENTORCH_VECTORISED
void resample_rows(const uint8_t* in, int64_t from, int64_t rows, const Taps& taps, uint8_t* tile, uint8_t* out) {
  const int64_t to = static_cast<int64_t>(taps.of.size());
  for (int64_t r = 0; r < kLanes; r++) {
    const uint8_t* row = in + std::min(r, rows - 1) * from * kChannels;
    for (int64_t i = 0; i < from * kChannels; i++) tile[i * kLanes + r] = row[i];
  }
  for (int64_t x = 0; x < to; x++) {
    const Tap& tap = taps.of[x];
    for (int64_t c = 0; c < kChannels; c++) {
      int32_t sum[kLanes];
      for (int64_t r = 0; r < kLanes; r++) sum[r] = 1 << (kFractionBits - 1);
      const uint8_t* column = tile + (tap.first * kChannels + c) * kLanes;
      for (int64_t k = 0; k < tap.count; k++, column += kChannels * kLanes) {
        for (int64_t r = 0; r < kLanes; r++) sum[r] += column[r] * tap.weights[k];
      }
      for (int64_t r = 0; r < rows; r++) out[(r * to + x) * kChannels + c] = round_to_byte(sum[r]);
    }
  }
}

// in: [height, from, 3] → [height, to, 3]
std::vector<uint8_t> resample_width(const uint8_t* in, int64_t height, int64_t from, int64_t to, Filter filter) {
  const Taps taps = make_taps(from, to, filter);
  std::vector<uint8_t> out(height * to * kChannels);
  std::vector<uint8_t> tile(from * kChannels * kLanes);
  for (int64_t y = 0; y < height; y += kLanes) {
    resample_rows(in + y * from * kChannels, from, std::min(kLanes, height - y), taps, tile.data(),
                  out.data() + y * to * kChannels);
  }
  return out;
}

// One output row, [width], as the weighted sum of the rows of `tap`. Columns go in blocks whose sums stay in L1.
FRANKENTORCH_VECTORISED
void weigh_rows(const uint8_t* in, int64_t width, const Tap& tap, uint8_t* out) {
  constexpr int64_t kBlock = 512;
  int32_t sum[kBlock];
  for (int64_t begin = 0; begin < width; begin += kBlock) {
    const int64_t count = std::min(kBlock, width - begin);
    for (int64_t i = 0; i < count; i++) sum[i] = 1 << (kFractionBits - 1);
    for (int64_t k = 0; k < tap.count; k++) {
      const uint8_t* row = in + (tap.first + k) * width + begin;
      const int32_t weight = tap.weights[k];
      for (int64_t i = 0; i < count; i++) sum[i] += row[i] * weight;
    }
    for (int64_t i = 0; i < count; i++) out[begin + i] = round_to_byte(sum[i]);
  }
}

// in: [from, width, 3] → [to, width, 3]
std::vector<uint8_t> resample_height(const uint8_t* in, int64_t width, int64_t from, int64_t to, Filter filter) {
  const Taps taps = make_taps(from, to, filter);
  std::vector<uint8_t> out(to * width * kChannels);
  for (int64_t y = 0; y < to; y++) {
    weigh_rows(in, width * kChannels, taps.of[y], out.data() + y * width * kChannels);
  }
  return out;
}

}  // namespace

std::vector<uint8_t> resample(const ImageView& image, int64_t width, int64_t height, Filter filter) {
  const auto pixels = static_cast<int64_t>(image.pixels.size());
  if (image.width < 1 || image.height < 1 || pixels != image.height * image.width * kChannels) {
    fail("ERR_IMAGE", "Expected ", image.height, " × ", image.width, " × 3 bytes of RGB but received ", pixels);
  }
  if (width < 1 || height < 1) {
    fail("ERR_IMAGE", "Expected a positive size to resize to but received ", height, " × ", width);
  }
  std::vector<uint8_t> out;
  const uint8_t* current = image.pixels.data();
  if (width != image.width) {
    out = resample_width(current, image.height, image.width, width, filter);
    current = out.data();
  }
  if (height != image.height) return resample_height(current, width, image.height, height, filter);
  if (out.empty()) out.assign(image.pixels.begin(), image.pixels.end());
  return out;
}

}  // namespace frankentorch
