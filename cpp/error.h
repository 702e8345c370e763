#pragma once

#include <stdexcept>
#include <string>

namespace frankentorch {

// A failure with one of the stable codes of src/errors.ts; the border turns it into the JavaScript error of that code.
class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const noexcept { return code_; }

 private:
  const char* code_;
};

}  // namespace frankentorch
