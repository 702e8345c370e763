#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace frankentorch {

// A failure with one of the stable codes of src/errors.ts; the border turns it into the JavaScript error of that code.
class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const noexcept { return code_; }

 private:
  const char* code_;  // a literal
};

// fail("ERR_SHAPE_MISMATCH", "Expected ", a, " but received ", b);
template <class... Parts>
[[noreturn]] void fail(const char* code, const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(code, message.str());
}

}  // namespace frankentorch
