// SPDX-License-Identifier: Apache-2.0
// The central directory through minizip, which reads from a ByteSource here.
#include "weights_io/torch/zip_archive.h"

#include <fmt/format.h>
#include <minizip/unzip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxEntries = 110'000;
constexpr std::size_t kMaxNameBytes = 1'000;
// The sizes and offsets of ZIP64 lie in extra fields, which Debian's minizip leaves alone. No file below 4 GiB has
// them.
constexpr uint64_t kZip64 = 0xffffffff;
constexpr std::size_t kWindow = 1 << 10;
constexpr std::size_t kLocalHeader = 30;  // without name and extra field
constexpr uLong kEncrypted = 1 | 1 << 6 | 1 << 13;
constexpr uLong kFileType = 0170000, kLink = 0120000;

// What minizip calls a file. It asks for a byte or two at a time, which a window makes bearable. No exception may pass
// through minizip: the first one waits in `failure`.
struct Reader {
  explicit Reader(ByteSource &from) : source(from) {}

  uLong read(char *into, uLong bytes) noexcept {
    uLong done = 0;
    try {
      while (done < bytes && at < source.size()) {
        if (at < window_at || at - window_at >= window_bytes) fill();
        const auto from = static_cast<std::size_t>(at - window_at);
        const std::size_t part = std::min<std::size_t>(window_bytes - from, bytes - done);
        std::memcpy(into + done, window.data() + from, part);
        done += part;
        at += part;
      }
    } catch (...) {
      failure = std::current_exception();
    }
    return done;
  }

  void fill() {
    const auto bytes = static_cast<std::size_t>(std::min<uint64_t>(kWindow, source.size() - at));
    window_bytes = 0;
    source.read_at(at, std::span(window).first(bytes));
    window_at = at;
    window_bytes = bytes;
  }

  long seek(ZPOS64_T offset, int origin) noexcept {
    const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET ? 0 : origin == ZLIB_FILEFUNC_SEEK_CUR ? at : source.size();
    uint64_t place = 0;
    if (__builtin_add_overflow(base, offset, &place) || place > source.size()) return -1;
    at = place;
    return 0;
  }

  ByteSource &source;
  uint64_t at = 0;
  std::array<std::byte, kWindow> window{};
  uint64_t window_at = 0;
  std::size_t window_bytes = 0;
  std::exception_ptr failure;
};

Reader &reader(void *stream) { return *static_cast<Reader *>(stream); }

zlib_filefunc64_def functions_of(Reader &from) {
  zlib_filefunc64_def functions{};
  functions.opaque = &from;
  functions.zopen64_file = [](void *opaque, const void *, int) { return opaque; };
  functions.zread_file = [](void *, void *stream, void *into, uLong bytes) {
    return reader(stream).read(static_cast<char *>(into), bytes);
  };
  functions.ztell64_file = [](void *, void *stream) -> ZPOS64_T { return reader(stream).at; };
  functions.zseek64_file = [](void *, void *stream, ZPOS64_T offset, int origin) {
    return reader(stream).seek(offset, origin);
  };
  functions.zclose_file = [](void *, void *) { return 0; };
  functions.zerror_file = [](void *, void *) { return 0; };
  return functions;
}

class Archive {
 public:
  explicit Archive(ByteSource &source) : source_(source), from_(source), file_(nullptr, ::unzClose) {
    if (source.size() >= kZip64) fail("archives of 4 GiB and more are not read");
    zlib_filefunc64_def functions = functions_of(from_);
    file_.reset(::unzOpen2_64("", &functions));
    rethrow();
    if (file_ == nullptr) fail("its directory is damaged or cut off");
  }

  std::map<std::string, ZipEntry> entries() {
    unz_global_info64 info{};
    checked(::unzGetGlobalInfo64(file_.get(), &info), "its directory cannot be read");
    if (info.number_entry > kMaxEntries)
      fail(fmt::format("{} entries, at most {} are read", info.number_entry, kMaxEntries));
    for (uint64_t i = 0; i < info.number_entry; ++i) {
      checked(i == 0 ? ::unzGoToFirstFile(file_.get()) : ::unzGoToNextFile(file_.get()),
              fmt::format("entry {} of its directory is damaged", i));
      if (i == 0) directory_ = ::unzGetOffset64(file_.get());
      add(read_entry(i));
    }
    check_places();
    return std::move(entries_);
  }

 private:
  struct Place {
    uint64_t begin, end;  // with its local header, as far as that is known
    const std::string *name;
  };

  [[noreturn]] void fail(const std::string &reason) const {
    throw Error(ErrorCode::bad_file, fmt::format("{}: not a zip archive of torch: {}", source_.name(), reason));
  }

  [[noreturn]] void fail(const std::string &name, const std::string &reason) const {
    fail(fmt::format("entry {} {}", in_quotes(name), reason));
  }

  void rethrow() const {
    if (from_.failure) std::rethrow_exception(from_.failure);
  }

  void checked(int answer, const std::string &reason) const {
    rethrow();
    if (answer == UNZ_INTERNALERROR) throw std::bad_alloc();  // all that it stands for
    if (answer != UNZ_OK) fail(reason);
  }

  std::pair<std::string, ZipEntry> read_entry(uint64_t number) {
    unz_file_info64 info{};
    std::array<char, kMaxNameBytes + 1> text{};
    checked(::unzGetCurrentFileInfo64(file_.get(), &info, text.data(), text.size(), nullptr, 0, nullptr, 0),
            fmt::format("entry {} of its directory is damaged", number));
    if (info.size_filename > kMaxNameBytes)
      fail(fmt::format("entry {} has a name of {} bytes", number, info.size_filename));
    std::string name(text.data(), info.size_filename);
    check_name(name);
    if ((info.flag & kEncrypted) != 0) fail(name, "is encrypted");
    if (((info.external_fa >> 16) & kFileType) == kLink) fail(name, "is a link");
    if (info.compressed_size == kZip64 || info.uncompressed_size == kZip64) {
      fail(name, "has the sizes of a ZIP64 archive, in a file that is none");
    }
    const bool compressed = info.compression_method != 0;
    if (!compressed && info.compressed_size != info.uncompressed_size) {
      fail(name, fmt::format("is stored, yet {} bytes are to give {}", info.compressed_size, info.uncompressed_size));
    }
    const ZipEntry entry = {data_of(name), info.compressed_size, compressed, static_cast<uint32_t>(info.crc)};
    return {std::move(name), entry};
  }

  void check_name(const std::string &name) const {
    if (name.empty()) fail("an entry without a name");
    if (name.find('\0') != std::string::npos) fail(name, "has NUL in its name");
    if (name.front() == '/' || name.find('\\') != std::string::npos || name.find(':') != std::string::npos) {
      fail(name, "is an absolute path or one of another system");
    }
    for (std::size_t at = 0; at <= name.size();) {
      const std::size_t end = std::min(name.find('/', at), name.size());
      if (name.compare(at, end - at, "..") == 0) fail(name, "leaves its folder");
      at = end + 1;
    }
  }

  // Where the bytes begin; minizip compares the header that stands before them with the directory.
  uint64_t data_of(const std::string &name) {
    int method = 0, level = 0;
    checked(::unzOpenCurrentFile2(file_.get(), &method, &level, 1),
            fmt::format("entry {} does not agree with the header before its bytes", in_quotes(name)));
    const uint64_t begin = ::unzGetCurrentFileZStreamPos64(file_.get());
    ::unzCloseCurrentFile(file_.get());
    return begin;
  }

  void add(std::pair<std::string, ZipEntry> entry) {
    const ZipEntry &place = entry.second;
    if (!source_.holds(place.begin, place.bytes)) {
      fail(entry.first, fmt::format("has {} bytes from byte {} on, but the file ends at byte {}", place.bytes,
                                    place.begin, source_.size()));
    }
    if (entry.first.back() == '/' && place.bytes == 0) return;
    const auto [known, is_new] = entries_.insert(std::move(entry));
    if (!is_new) fail(known->first, "is there twice");
  }

  // No two entries may share bytes, and the first one begins the file.
  void check_places() {
    std::vector<Place> places;
    places.reserve(entries_.size());
    for (const auto &[name, entry] : entries_) {
      const uint64_t header = kLocalHeader + name.size();
      if (entry.begin < header) fail(name, "begins before the file");
      places.push_back({entry.begin - header, entry.begin + entry.bytes, &name});
    }
    std::sort(places.begin(), places.end(), [](const Place &a, const Place &b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < places.size(); ++i) {
      if (places[i].begin < places[i - 1].end) fail(*places[i].name, "lies over " + in_quotes(*places[i - 1].name));
    }
    if (places.empty()) return;
    if (places.back().end > directory_) fail(*places.back().name, "lies over its directory");
    check_beginning(entries_.at(*places.front().name).begin);
  }

  // The header at the beginning of the file is the one before `first`: nothing is hidden before it.
  void check_beginning(uint64_t first) const {
    const std::vector<std::byte> header = source_.read_part(0, kLocalHeader);
    const auto length = [&](std::size_t at) {
      return std::to_integer<uint64_t>(header[at]) | std::to_integer<uint64_t>(header[at + 1]) << 8;
    };
    if (kLocalHeader + length(26) + length(28) != first) fail("its directory leaves out how the file begins");
  }

  ByteSource &source_;
  Reader from_;
  std::unique_ptr<void, int (*)(unzFile)> file_;
  std::map<std::string, ZipEntry> entries_;
  uint64_t directory_ = 0;  // where it begins
};

}  // namespace

std::map<std::string, ZipEntry> read_zip(ByteSource &source) { return Archive(source).entries(); }

}  // namespace sluice
