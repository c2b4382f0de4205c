// SPDX-License-Identifier: Apache-2.0
// Whole files in and out, on plain POSIX calls because fsync and O_EXCL have no counterpart in the standard library.
#include "weights_io/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

std::string errno_text(int number) { return std::generic_category().message(number); }

[[noreturn]] void throw_write_error(const fs::path &path, const char *what, int number) {
  throw Error(ErrorCode::input_failed,
              fmt::format("{}: cannot write the file: {}: {}", path.string(), what, errno_text(number)));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  // Closing by hand, to see the error a network file system may report only here.
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

// Deletes the temporary file unless it has been renamed.
class TemporaryName {
 public:
  explicit TemporaryName(fs::path path) : path_(std::move(path)) {}
  TemporaryName(const TemporaryName &) = delete;
  TemporaryName &operator=(const TemporaryName &) = delete;
  ~TemporaryName() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const fs::path &path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  fs::path path_;
};

// The name does not contain the target's, which may already have the longest length a folder allows.
int open_temporary(const fs::path &folder, fs::path *path) {
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    *path = folder / fmt::format(".sluice-{}-{}.tmp", ::getpid(), counter.fetch_add(1));
    const int number = ::open(path->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (number >= 0 || errno != EEXIST) return number;
  }
  return -1;
}

bool write_all(int number, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(number, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

// A folder that may be entered but not read cannot be opened, and some file systems know no fsync of folders; neither
// makes the written file wrong.
bool sync_folder(const fs::path &folder) {
  const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0) return errno == EACCES;
  return ::fsync(handle.get()) == 0 || errno == EINVAL || errno == ENOTSUP;
}

fs::path follow_link(const fs::path &path) {
  std::error_code problem;
  if (!fs::is_symlink(path, problem)) return path;
  const fs::path target = fs::canonical(path, problem);
  return problem ? path : target;
}

}  // namespace

void write_file_atomically(const fs::path &path, std::span<const std::byte> bytes) {
  const fs::path target = follow_link(path);
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  struct stat old = {};
  const bool replaces = ::stat(target.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode)) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: cannot write the file: expected a regular file or nothing there", path.string()));
  }
  fs::path name;
  Descriptor file(open_temporary(folder, &name));
  if (file.get() < 0) throw_write_error(path, "cannot create a file in its folder", errno);
  TemporaryName temporary(std::move(name));
  if (replaces && ::fchmod(file.get(), old.st_mode & 07777) != 0) throw_write_error(path, "permissions", errno);
  if (!write_all(file.get(), bytes)) throw_write_error(path, "write", errno);
  if (::fsync(file.get()) != 0) throw_write_error(path, "fsync", errno);
  if (!file.close()) throw_write_error(path, "close", errno);
  if (::rename(temporary.path().c_str(), target.c_str()) != 0) throw_write_error(path, "rename", errno);
  temporary.keep();
  if (!sync_folder(folder)) throw_write_error(path, "fsync of its folder", errno);
}

std::vector<std::byte> read_file(const fs::path &path, size_t max_bytes) {
  // O_NONBLOCK lets the open of a pipe return, so that it can be refused; regular files do not know it.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const int number = errno;
    const bool absent = number == ENOENT || number == ENOTDIR;
    throw Error(absent ? ErrorCode::not_found : ErrorCode::bad_file,
                fmt::format("{}: cannot open the file: {}", path.string(), errno_text(number)));
  }
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: not a regular file", path.string()));
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size > max_bytes) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: the file has {} bytes, expected at most {}", path.string(), size, max_bytes));
  }
  std::vector<std::byte> bytes(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t count = ::read(file.get(), bytes.data() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: cannot read the file: {}", path.string(), errno_text(errno)));
    }
    if (count == 0) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: the file became shorter while it was read", path.string()));
    }
    done += static_cast<size_t>(count);
  }
  return bytes;
}

}  // namespace sluice
