// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/checkpoint_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "step-", kEnd = ".safetensors", kTemporary = ".sluice-", kTemporaryEnd = ".tmp";
constexpr int kDigits = 12;

[[noreturn]] void fail(const fs::path &path, const std::string &what) {
  throw Error(ErrorCode::input_failed, fmt::format("{}: {}", path.string(), what));
}

bool is_checkpoint_name(const std::string &name) {
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return false;
  const std::string number = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  return number.size() == kDigits && number.find_first_not_of("0123456789") == std::string::npos;
}

std::vector<fs::path> names_in(const fs::path &folder, const std::function<bool(const std::string &)> &wanted) {
  std::vector<fs::path> found;
  std::error_code problem;
  fs::directory_iterator entry(folder, problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    if (wanted(entry->path().filename().string())) found.push_back(entry->path());
  }
  if (problem) fail(folder, "cannot read the folder: " + problem.message());
  std::sort(found.rbegin(), found.rend());
  return found;
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, int64_t keep)
    : folder_(std::move(folder)), keep_(std::max<int64_t>(keep, 2)) {
  std::error_code problem;
  fs::create_directories(folder_, problem);
  if (problem) fail(folder_, "cannot make the folder: " + problem.message());
  const fs::path lock = folder_ / ".lock";
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) fail(lock, "cannot make the file: " + std::generic_category().message(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const std::string why = std::generic_category().message(errno);
    ::close(lock_);
    fail(folder_, held ? "another process trains into this folder" : "cannot lock the folder: " + why);
  }
  for (const fs::path &left : names_in(folder_, [](const std::string &name) {
         return name.starts_with(kTemporary) && name.ends_with(kTemporaryEnd);
       })) {
    std::error_code ignored;
    fs::remove(left, ignored);
  }
}

CheckpointFolder::~CheckpointFolder() {
  if (lock_ >= 0) ::close(lock_);
}

std::vector<fs::path> CheckpointFolder::files() const { return names_in(folder_, is_checkpoint_name); }

fs::path CheckpointFolder::save(int64_t step, const Archive &archive) {
  fs::path file = folder_ / fmt::format("{}{:0{}}{}", kBegin, step, kDigits, kEnd);
  write_safetensors(file, archive, {.checksums = true});
  const std::vector<fs::path> all = files();
  // An old generation more does no harm: what goes wrong here is passed over.
  for (size_t i = static_cast<size_t>(keep_); i < all.size(); i++) ::unlink(all[i].c_str());
  return file;
}

Archive CheckpointFolder::read(const fs::path &file) {
  Archive archive = read_safetensors(file);
  if (archive.metadata.count("crc32.__metadata__") == 0)
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: no checkpoint of a training: it has no checksums", file.string()));
  for (const auto &[name, tensor] : archive.tensors) {
    if (archive.metadata.count("crc32." + name) == 0)
      throw Error(ErrorCode::bad_file, fmt::format("{}: tensor '{}' has no checksum", file.string(), name));
  }
  return archive;
}

CheckpointFolder::Found CheckpointFolder::newest(const std::function<void(const std::string &)> &report) const {
  for (const fs::path &file : files()) {
    try {
      return {file, read(file)};
    } catch (const Error &error) {
      if (report) report(fmt::format("left out: {}", error.what()));
    }
  }
  return {};
}

}  // namespace sluice
