#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

namespace frankentorch {

// A file of weights, mapped privately and writably: a stray in-place write copies a page and neither kills the process
// nor reaches the file. Unmapped when the last tensor made from it is gone.
class MappedFile {
 public:
  // Maps the whole file. `expected_size` is the size in bytes when its header was checked: a file that has another size
  // now was replaced or truncated since, and reading past its end would be a SIGBUS.
  static std::shared_ptr<MappedFile> open(const std::string& path, uint64_t expected_size);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const noexcept { return path_; }
  uint64_t size() const noexcept { return size_; }
  uint8_t* data() const noexcept { return data_; }

 private:
  MappedFile(std::string path, uint8_t* data, uint64_t size);

  std::string path_;
  uint8_t* data_;
  uint64_t size_;
};

// A contiguous CPU tensor over the bytes of `file` from offset `begin`; it keeps the mapping alive. No copy, unless the
// offset is not a multiple of the element size, which the format allows and vector loads do not.
at::Tensor tensor_at(std::shared_ptr<MappedFile> file, at::ScalarType dtype, at::IntArrayRef shape, uint64_t begin);

}  // namespace frankentorch
