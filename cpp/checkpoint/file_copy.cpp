#include "checkpoint/file_copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "kernels/non_finite.h"
#include "runtime/failure.h"

namespace frankentorch {
namespace {

// Read, looked at and written while it is in the second-level cache.
constexpr uint64_t kBlock = 512 << 10;

void write_block(int target, const uint8_t* bytes, uint64_t length, uint64_t offset) {
  for (uint64_t done = 0; done < length;) {
    const ssize_t written = ::pwrite(target, bytes + done, length - done, static_cast<off_t>(offset + done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("ERR_OUTPUT", "the file cannot be written: ", std::strerror(errno));
    done += static_cast<uint64_t>(written);
  }
}

// What the next fsync would otherwise begin with. A file system that cannot is no failure: fsync reports.
void start_writing(int target, uint64_t offset, uint64_t length) {
#if defined(__linux__)
  ::sync_file_range(target, static_cast<off_t>(offset), static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
#endif
}

void stop_if_cancelled(const Cancellation& cancellation) {
  if (cancellation.cancelled()) fail("ERR_ABORTED", "The work was aborted");
}

}  // namespace

std::optional<uint64_t> copy_numbers(int source, uint64_t begin, uint64_t length, int target, uint64_t offset,
                                     c10::ScalarType dtype, const Cancellation& cancellation) {
  const uint64_t element = c10::elementSize(dtype);
  const auto block = std::make_unique_for_overwrite<uint64_t[]>(kBlock / sizeof(uint64_t));
  auto* bytes = reinterpret_cast<uint8_t*>(block.get());
  std::optional<uint64_t> found;
  for (uint64_t done = 0; done < length;) {
    stop_if_cancelled(cancellation);
    const uint64_t wanted = std::min(kBlock, length - done);
    for (uint64_t have = 0; have < wanted;) {
      const ssize_t got = ::pread(source, bytes + have, wanted - have, static_cast<off_t>(begin + done + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("ERR_CHECKPOINT_CORRUPT", "the file cannot be read: ", std::strerror(errno));
      if (got == 0) fail("ERR_CHECKPOINT_CORRUPT", "the file became shorter while it was being read");
      have += static_cast<uint64_t>(got);
    }
    if (!found)
      if (const auto index = first_non_finite(bytes, wanted / element, dtype)) found = done / element + *index;
    write_block(target, bytes, wanted, offset + done);
    done += wanted;
  }
  start_writing(target, offset, length);
  return found;
}

std::optional<uint64_t> write_numbers(const at::Tensor& tensor, int target, uint64_t offset,
                                      const Cancellation& cancellation) {
  const auto* bytes = static_cast<const uint8_t*>(tensor.const_data_ptr());
  const uint64_t length = tensor.nbytes();
  for (uint64_t done = 0; done < length; done += kBlock) {
    stop_if_cancelled(cancellation);
    write_block(target, bytes + done, std::min(kBlock, length - done), offset + done);
  }
  start_writing(target, offset, length);
  return first_non_finite(bytes, static_cast<uint64_t>(tensor.numel()), tensor.scalar_type());
}

}  // namespace frankentorch
