#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace frankentorch {

// e^x within 2 units in the last place, for |x| ≤ 87 and that bound beyond it. x = n ln 2 + r, |r| ≤ ln 2 / 2; e^r by
// the Taylor polynomial of degree 7, 2^n by its exponent.
inline float exponential(float x) {
  // A comparison of floats may trap, so loops with one do not become vectors; magnitudes are ordered as their bits are.
  const auto bits = std::bit_cast<uint32_t>(x), magnitude = bits & 0x7fffffff;
  constexpr auto kLargest = std::bit_cast<uint32_t>(87.0f);
  x = std::bit_cast<float>((bits & 0x80000000) | (magnitude < kLargest ? magnitude : kLargest));
  constexpr float kToInteger = 12582912.0f;  // 1.5 · 2²³: adding it leaves the nearest integer in the lowest bits
  const float shifted = x * 1.44269504f + kToInteger;
  const float n = shifted - kToInteger;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts, the first exact times n
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const uint32_t exponent = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kToInteger) + 127;
  return p * std::bit_cast<float>(exponent << 23);
}

inline double exponential(double x) {
  return std::exp(x);
}

}  // namespace frankentorch
