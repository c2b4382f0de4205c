// SPDX-License-Identifier: Apache-2.0
// Footer, blocks and entries of a sorted table.
#include "weights_io/tensorflow/sorted_table.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "weights_io/error.h"
#include "weights_io/tensorflow/crc32c.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kFooterBytes = 48;
constexpr std::size_t kMagicBytes = 8;
constexpr uint64_t kMagic = 0xdb4775248b80fb57;
constexpr std::size_t kTrailerBytes = 5;  // the type, and the checksum of the block with its type
constexpr std::size_t kWordBytes = 4;     // restarts, their number, checksums

// What messages call them.
constexpr std::string_view kFooter = "the footer", kIndex = "the index block", kFilters = "the block of filters";

struct Handle {
  uint64_t offset = 0, size = 0;
};

struct Entry {
  std::string_view key;
  std::span<const std::byte> value;
};

uint64_t little_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (std::size_t k = 0; k < bytes.size(); ++k) value |= static_cast<uint64_t>(bytes[k]) << (8 * k);
  return value;
}

[[noreturn]] void refuse(const std::string &file, const std::string &reason) {
  throw Error(ErrorCode::bad_file, fmt::format("{}: not a valid table: {}", file, reason));
}

// The part of a block, or of the footer, that is yet to be read. What it is stands in messages.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string &file, std::string_view what)
      : bytes_(bytes), file_(file), what_(what) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  [[noreturn]] void fail(const std::string &reason) const { refuse(file_, fmt::format("{}: {}", what_, reason)); }

  std::span<const std::byte> take(uint64_t bytes, const char *part) {
    if (bytes > left()) fail(fmt::format("{} of {} bytes where {} are left", part, bytes, left()));
    const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(bytes));
    at_ += taken.size();
    return taken;
  }

  // A number of `bits` bits in the only form writers give it: without zeros in front.
  uint64_t varint(unsigned bits, const char *part) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < bits; shift += 7) {
      const auto byte = static_cast<uint64_t>(take(1, part)[0]);
      if (bits - shift < 7 && (byte >> (bits - shift)) != 0) break;
      if (byte == 0 && shift != 0) fail(fmt::format("{}: a number with zeros in front", part));
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail(fmt::format("{}: a number of more than {} bits", part, bits));
  }

  Handle handle(const char *part) {
    const uint64_t offset = varint(64, part);
    return {offset, varint(64, part)};
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  const std::string &file_;
  std::string_view what_;
};

// Where a block ends with its trailer: not beyond `limit`.
uint64_t end_of(const Handle &handle, uint64_t limit, const std::string &file, std::string_view what) {
  uint64_t end = 0;
  if (__builtin_add_overflow(handle.offset, handle.size, &end) || __builtin_add_overflow(end, kTrailerBytes, &end) ||
      end > limit) {
    refuse(file, fmt::format("{}: {} bytes from byte {} on, and a trailer, end beyond byte {}", what, handle.size,
                             handle.offset, limit));
  }
  return end;
}

// The bytes of a block whose place is within the file, once its checksum fits.
std::vector<std::byte> read_block(ByteSource &source, const Handle &handle, std::string_view what) {
  std::vector<std::byte> block = source.read_part(handle.offset, handle.size + kTrailerBytes);
  const auto covered = std::span(block).first(block.size() - kWordBytes);
  const auto stated = static_cast<uint32_t>(little_endian(std::span(block).last(kWordBytes)));
  const uint32_t actual = masked_crc32c(crc32c(covered));
  if (actual != stated) {
    refuse(source.name(), fmt::format("{} is damaged: checksum {:08x}, expected {:08x}", what, actual, stated));
  }
  const auto type = static_cast<unsigned>(covered.back());
  if (type == 1) {
    refuse(source.name(),
           fmt::format("{} is compressed with snappy, which is not read; TensorFlow's V1 checkpoints are, "
                       "indexes of V2 bundles are not",
                       what));
  }
  if (type != 0) refuse(source.name(), fmt::format("{} has compression type {}, which is not read", what, type));
  block.resize(covered.size() - 1);
  return block;
}

// Walks over the entries of one block: each key shares its beginning with the one before, but not at a restart.
class BlockReader {
 public:
  BlockReader(std::span<const std::byte> block, const std::string &file, std::string_view what,
              std::size_t max_key_bytes)
      : entries_(block.first(check_restarts(block, file, what)), file, what),
        restarts_(block.subspan(entries_.left(), block.size() - entries_.left() - kWordBytes)),
        max_key_bytes_(max_key_bytes) {}

  bool next(Entry &entry) {
    if (entries_.left() == 0) {
      if (!restarts_.empty() && !(entries_.at() == 0 && restarts_.size() == kWordBytes && next_restart() == 0)) {
        entries_.fail(fmt::format("restart {} is not where an entry begins", next_restart()));
      }
      return false;
    }
    const bool is_restart = take_restart();
    const uint64_t shared = entries_.varint(32, "shared bytes of a key");
    const uint64_t unshared = entries_.varint(32, "bytes of a key");
    const uint64_t value_bytes = entries_.varint(32, "bytes of a value");
    if (is_restart && shared != 0) entries_.fail("the key at a restart shares bytes with another");
    if (shared > key_.size()) {
      entries_.fail(fmt::format("a key shares {} bytes with one of {}", shared, key_.size()));
    }
    if (shared + unshared > max_key_bytes_) {
      entries_.fail(fmt::format("a key of {} bytes, at most {} are accepted", shared + unshared, max_key_bytes_));
    }
    const auto tail = entries_.take(unshared, "a key");
    key_.resize(static_cast<std::size_t>(shared));
    key_.append(reinterpret_cast<const char *>(tail.data()), tail.size());
    entry = {key_, entries_.take(value_bytes, "a value")};
    return true;
  }

  [[noreturn]] void fail(const std::string &reason) const { entries_.fail(reason); }

 private:
  // A block ends in the offsets of its restarts and their number. Gives the number of bytes before them.
  static std::size_t check_restarts(std::span<const std::byte> block, const std::string &file, std::string_view what) {
    if (block.size() < kWordBytes) refuse(file, fmt::format("{}: {} bytes hold no entries", what, block.size()));
    const uint64_t count = little_endian(block.last(kWordBytes));
    if (count == 0 || count > block.size() / kWordBytes - 1) {
      refuse(file, fmt::format("{}: {} restarts in {} bytes", what, count, block.size()));
    }
    return block.size() - (static_cast<std::size_t>(count) + 1) * kWordBytes;
  }

  uint64_t next_restart() const { return little_endian(restarts_.first(kWordBytes)); }

  // Whether the entry that begins here is a restart. The first is one always, and none is passed over.
  bool take_restart() {
    const bool is_restart = !restarts_.empty() && next_restart() == entries_.at();
    if (is_restart) {
      restarts_ = restarts_.subspan(kWordBytes);
    } else if (entries_.at() == 0 || (!restarts_.empty() && next_restart() < entries_.at())) {
      entries_.fail(fmt::format("restart {} is not where an entry begins", next_restart()));
    }
    return is_restart;
  }

  Cursor entries_;
  std::span<const std::byte> restarts_;
  std::size_t max_key_bytes_;
  std::string key_;
};

struct Footer {
  Handle filters, index;
};

Footer read_footer(ByteSource &source) {
  if (source.size() < kFooterBytes) {
    refuse(source.name(), fmt::format("{} bytes are too few for a footer", source.size()));
  }
  const std::vector<std::byte> bytes = source.read_part(source.size() - kFooterBytes, kFooterBytes);
  if (little_endian(std::span(bytes).last(kMagicBytes)) != kMagic) {
    refuse(source.name(), "it does not end in the magic number of a table");
  }
  const auto handles = std::span(bytes).first(kFooterBytes - kMagicBytes);
  Cursor cursor(handles, source.name(), kFooter);
  Footer footer;
  footer.filters = cursor.handle("place of the filters");
  footer.index = cursor.handle("place of the index block");
  for (const std::byte byte : cursor.take(cursor.left(), "padding")) {
    if (byte != std::byte{0}) cursor.fail("its padding is not zero");
  }
  return footer;
}

class TableReader {
 public:
  TableReader(ByteSource &source, const TableLimits &limits, const TableVisitor &visit)
      : source_(source), limits_(limits), visit_(visit) {}

  // Blocks lie one behind the other: none is read twice, and no byte goes unread. This is checked first, so the index
  // block and any other block together take no more memory than the file.
  void read() {
    const Footer footer = read_footer(source_);
    const uint64_t footer_begin = source_.size() - kFooterBytes;
    expect_adjacent(end_of(footer.index, footer_begin, source_.name(), kIndex), footer_begin, kFooter);
    expect_adjacent(end_of(footer.filters, footer.index.offset, source_.name(), kFilters), footer.index.offset, kIndex);
    read_index(footer);
    expect_adjacent(at_, footer.filters.offset, kFilters);
    expect_no_filters(footer.filters);
  }

 private:
  // An entry of the index block: a key not below any of a data block's nor above any of the next one's, and its place.
  void read_index(const Footer &footer) {
    const std::vector<std::byte> block = read_block(source_, footer.index, kIndex);
    BlockReader reader(block, source_.name(), kIndex, limits_.key_bytes);
    Entry entry;
    while (reader.next(entry)) {
      const std::string place = fmt::format("entry {} of the index block", in_quotes(entry.key));
      Cursor cursor(entry.value, source_.name(), place);
      const Handle data = cursor.handle("place of a data block");
      if (cursor.left() != 0) cursor.fail(fmt::format("{} bytes after the place of a data block", cursor.left()));
      const std::string name = fmt::format("the data block at byte {}", data.offset);
      expect_adjacent(at_, data.offset, name);
      at_ = end_of(data, footer.filters.offset, source_.name(), name);
      read_data(data, name);
      if (entry.key < last_key_)
        reader.fail(fmt::format("key {} is below the last key of its block", in_quotes(entry.key)));
      last_key_ = entry.key;
    }
  }

  void read_data(const Handle &handle, std::string_view what) {
    const std::vector<std::byte> block = read_block(source_, handle, what);
    BlockReader reader(block, source_.name(), what, limits_.key_bytes);
    Entry entry;
    const std::size_t before = entries_;
    while (reader.next(entry)) {
      if (entries_ != 0 && entry.key <= last_key_) {
        reader.fail(fmt::format("key {} does not come after {}", in_quotes(entry.key), in_quotes(last_key_)));
      }
      count(entry.key.size(), reader);
      last_key_ = entry.key;
      visit_(entry.key, entry.value);
    }
    if (entries_ == before) reader.fail("it holds no entries");
  }

  void count(std::size_t key_bytes, const BlockReader &reader) {
    if (entries_ == limits_.entries) reader.fail(fmt::format("more than {} entries", limits_.entries));
    ++entries_;
    key_bytes_ += key_bytes;
    if (key_bytes_ > limits_.total_key_bytes) {
      reader.fail(fmt::format("keys of more than {} bytes in all", limits_.total_key_bytes));
    }
  }

  void expect_adjacent(uint64_t end, uint64_t begin, std::string_view what) const {
    if (begin == end) return;
    refuse(source_.name(), fmt::format("{} begins at byte {}, the block before it ends at {}", what, begin, end));
  }

  void expect_no_filters(const Handle &handle) {
    const std::vector<std::byte> block = read_block(source_, handle, kFilters);
    BlockReader reader(block, source_.name(), kFilters, limits_.key_bytes);
    Entry entry;
    if (reader.next(entry)) reader.fail(fmt::format("filter {} is not read", in_quotes(entry.key)));
  }

  ByteSource &source_;
  const TableLimits &limits_;
  const TableVisitor &visit_;
  uint64_t at_ = 0;  // where the next block begins
  std::string last_key_;
  std::size_t entries_ = 0, key_bytes_ = 0;
};

}  // namespace

void read_sorted_table(ByteSource &source, const TableLimits &limits, const TableVisitor &visit) {
  TableReader(source, limits, visit).read();
}

}  // namespace sluice
