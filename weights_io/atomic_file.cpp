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

 private:
  int number_;
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

bool write_all_at(int number, uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(number, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return true;
}

fs::path folder_of(const fs::path &target) { return target.has_parent_path() ? target.parent_path() : fs::path("."); }

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

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), target_(follow_link(path_)) {
  struct stat old = {};
  const bool replaces = ::stat(target_.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode)) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: cannot write the file: expected a regular file or nothing there", path_.string()));
  }
  descriptor_ = open_temporary(folder_of(target_), &temporary_);
  if (descriptor_ < 0) throw_write_error(path_, "cannot create a file in its folder", errno);
  if (!replaces || ::fchmod(descriptor_, old.st_mode & 07777) == 0) return;
  const int number = errno;
  discard();
  throw_write_error(path_, "permissions", number);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  if (!write_all_at(descriptor_, offset, bytes)) throw_write_error(path_, "write", errno);
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) throw_write_error(path_, "fsync", errno);
  // A network file system may report an error only here.
  if (::close(std::exchange(descriptor_, -1)) != 0) throw_write_error(path_, "close", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) throw_write_error(path_, "rename", errno);
  temporary_.clear();
  if (!sync_folder(folder_of(target_))) throw_write_error(path_, "fsync of its folder", errno);
}

void write_file_atomically(const fs::path &path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write_at(0, bytes);
  file.commit();
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
