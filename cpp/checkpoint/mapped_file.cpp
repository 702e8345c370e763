#include "checkpoint/mapped_file.h"

#include <ATen/Functions.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/failure.h"

namespace frankentorch {
namespace {

std::string system_message(const char* call) {
  return std::string(call) + " failed: " + std::strerror(errno);
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// Element count, or -1 where a dimension is negative or the product overflows.
int64_t checked_numel(at::IntArrayRef shape) {
  int64_t numel = 1;
  for (int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(numel, size, &numel)) return -1;
  }
  return numel;
}

}  // namespace

std::shared_ptr<MappedFile> MappedFile::open(const std::string& path, uint64_t expected_size) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail("ERR_CHECKPOINT_NOT_FOUND", path, ": ", system_message("open"));
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) fail("ERR_CHECKPOINT_CORRUPT", path, ": ", system_message("fstat"));
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size != expected_size || size == 0) {
    fail("ERR_CHECKPOINT_CORRUPT", path, ": expected ", expected_size, " bytes but found ", size,
         " (was it replaced while it was being opened?)");
  }
  // No swap is reserved for the copies that private writable pages may need: almost none is ever written.
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.fd, 0);
  if (data == MAP_FAILED) {
    fail(errno == ENOMEM ? "ERR_OUT_OF_MEMORY" : "ERR_CHECKPOINT_CORRUPT", path, ": ", system_message("mmap"));
  }
  return std::shared_ptr<MappedFile>(new MappedFile(path, static_cast<uint8_t*>(data), size));
}

MappedFile::MappedFile(std::string path, uint8_t* data, uint64_t size)
    : path_(std::move(path)), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  ::munmap(data_, size_);
}

at::Tensor tensor_at(std::shared_ptr<MappedFile> file, at::ScalarType dtype, at::IntArrayRef shape, uint64_t begin) {
  const int64_t numel = checked_numel(shape);
  const uint64_t element = c10::elementSize(dtype);
  const uint64_t available = begin <= file->size() ? file->size() - begin : 0;
  if (numel < 0 || static_cast<uint64_t>(numel) > available / element) {
    fail("ERR_CHECKPOINT_CORRUPT", file->path(), ": a parameter at byte ", begin, " reaches past the end (",
         file->size(), " bytes)");
  }
  uint8_t* data = file->data() + begin;
  const auto options = at::TensorOptions().dtype(dtype);
  if (begin % element != 0) {
    auto copy = at::empty(shape, options);
    std::memcpy(copy.data_ptr(), data, numel * element);
    return copy;
  }
  return at::from_blob(
      data, shape, [file = std::move(file)](void*) {}, options);
}

}  // namespace frankentorch
