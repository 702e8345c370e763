#pragma once

#include <bit>
#include <cstdint>

namespace frankentorch {

// As loops over them become vectors: branches are selections, and no class stands between.
inline float widened(uint16_t number) {
  return std::bit_cast<float>(static_cast<uint32_t>(number) << 16);
}

// To the nearest bfloat16, ties to even.
inline uint16_t rounded(float number) {
  const auto bits = std::bit_cast<uint32_t>(number);
  const auto nearest = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  return (bits & 0x7fffffff) > 0x7f800000 ? uint16_t{0x7fc0} : nearest;
}

// The same, as a float.
inline float nearest(float number) {
  const auto bits = std::bit_cast<uint32_t>(number);
  const uint32_t nearest = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000;
  return std::bit_cast<float>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : nearest);
}

}  // namespace frankentorch
