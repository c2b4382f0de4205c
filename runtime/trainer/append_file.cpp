// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/append_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "weights_io/error.h"

namespace sluice {
namespace {

[[noreturn]] void fail(const std::filesystem::path &path, const char *what, int number) {
  throw Error(ErrorCode::input_failed, fmt::format("{}: cannot write the file: {}: {}", path.string(), what,
                                                   std::generic_category().message(number)));
}

}  // namespace

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_, "open", errno);
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view bytes) {
  struct stat before = {};
  if (::fstat(descriptor_, &before) != 0) fail(path_, "fstat", errno);
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int number = errno;
      if (::ftruncate(descriptor_, before.st_size) != 0) fail(path_, "write, and what was written stays", number);
      fail(path_, "write", number);
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace sluice
