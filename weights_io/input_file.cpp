// SPDX-License-Identifier: Apache-2.0
// InputFile over POSIX calls, every result checked.
#include "weights_io/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "weights_io/error.h"

namespace sluice {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

InputFile::InputFile(const std::filesystem::path &path) : name_(path.string()) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer. Regular files ignore it.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    const int error = errno;
    const bool absent = error == ENOENT || error == ENOTDIR;
    throw Error(absent ? ErrorCode::not_found : ErrorCode::bad_file,
                fmt::format("{}: cannot be opened: {}", name_, reason(error)));
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw Error(ErrorCode::bad_file, fmt::format("{}: not a regular file", name_));
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

std::size_t InputFile::read_some(std::span<std::byte> into) {
  return completed([&](std::size_t bytes) { return ::read(descriptor_, into.data(), bytes); }, into.size());
}

void InputFile::read_exactly(std::span<std::byte> into) {
  while (!into.empty()) into = rest_of(into, read_some(into));
}

void InputFile::read_at(uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const auto at = static_cast<off_t>(offset);
    const std::size_t got =
        completed([&](std::size_t bytes) { return ::pread(descriptor_, into.data(), bytes, at); }, into.size());
    into = rest_of(into, got);
    offset += got;
  }
}

template <typename Read>
std::size_t InputFile::completed(Read &&read, std::size_t bytes) const {
  constexpr std::size_t kLargestRead = std::size_t{1} << 30;
  for (;;) {
    const ssize_t got = read(std::min(bytes, kLargestRead));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: cannot be read: {}", name_, reason(errno)));
    }
  }
}

std::span<std::byte> InputFile::rest_of(std::span<std::byte> into, std::size_t got) const {
  if (got == 0) throw Error(ErrorCode::bad_file, fmt::format("{}: became shorter while it was read", name_));
  return into.subspan(got);
}

}  // namespace sluice
