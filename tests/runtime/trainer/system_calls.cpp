// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/trainer/system_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <map>

namespace sluice::testing {

Fault fault;
std::vector<DiskCall> *disk_calls = nullptr;
std::string disk_folder;

}  // namespace sluice::testing

namespace {

using sluice::testing::disk_calls;
using sluice::testing::disk_folder;
using sluice::testing::DiskCall;
using sluice::testing::fault;

constexpr int kFolder = -1;
std::map<int, int> files;  // of a descriptor: the file's number, or kFolder
int next_file = 0;

bool fails(const char *called) {
  if (!fault.hits(called) || fault.short_write) return false;
  errno = fault.number;
  return true;
}

// The name within the recorded folder, or "".
std::string name_in_folder(const char *path) {
  const std::string text = path;
  return disk_calls != nullptr && text.starts_with(disk_folder + "/") ? text.substr(disk_folder.size() + 1) : "";
}

void record(DiskCall call) {
  if (disk_calls != nullptr) disk_calls->push_back(std::move(call));
}

void record_open(const char *path, int flags, int descriptor) {
  if (disk_calls == nullptr || descriptor < 0) return;
  if (path == disk_folder) files[descriptor] = kFolder;
  const std::string name = name_in_folder(path);
  if (name.empty() || (flags & O_CREAT) == 0) return;
  files[descriptor] = next_file++;
  record({DiskCall::create, files[descriptor], name, "", 0, {}, 0});
}

}  // namespace

extern "C" {
int __real_open(const char *path, int flags, ...);
ssize_t __real_pwrite(int file, const void *bytes, size_t count, off_t offset);
int __real_fsync(int file);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_close(int file);
ssize_t __real_write(int file, const void *bytes, size_t count);

int __wrap_open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  if (fails("open")) return -1;
  const int descriptor = __real_open(path, flags, mode);
  record_open(path, flags, descriptor);
  return descriptor;
}
ssize_t __wrap_pwrite(int file, const void *bytes, size_t count, off_t offset) {
  if (fault.short_write && fault.hits("pwrite")) return __real_pwrite(file, bytes, (count + 1) / 2, offset);
  if (fails("pwrite")) return -1;
  const ssize_t written = __real_pwrite(file, bytes, count, offset);
  if (written > 0 && files.contains(file)) {
    const auto *begin = static_cast<const std::byte *>(bytes);
    record({DiskCall::write, files.at(file), "", "", static_cast<uint64_t>(offset), {begin, begin + written}, 0});
  }
  return written;
}
ssize_t __wrap_write(int file, const void *bytes, size_t count) {
  return fails("write") ? -1 : __real_write(file, bytes, count);
}
int __wrap_fsync(int file) {
  if (fails("fsync")) return -1;
  if (files.contains(file)) {
    const int number = files.at(file);
    record({number == kFolder ? DiskCall::sync_folder : DiskCall::sync, number, "", "", 0, {}, 0});
  }
  return __real_fsync(file);
}
int __wrap_rename(const char *from, const char *to) {
  if (fails("rename")) return -1;
  const std::string name = name_in_folder(from);
  if (!name.empty()) record({DiskCall::rename, -1, name, name_in_folder(to), 0, {}, 0});
  return __real_rename(from, to);
}
int __wrap_unlink(const char *path) {
  const std::string name = name_in_folder(path);
  if (!name.empty()) record({DiskCall::remove, -1, name, "", 0, {}, 0});
  return __real_unlink(path);
}
int __wrap_close(int file) {
  const bool failed = fails("close");
  const int number = errno, result = __real_close(file);
  files.erase(file);
  if (failed) errno = number;
  return failed ? -1 : result;
}
}
