// SPDX-License-Identifier: Apache-2.0
// Bundles with every part wrong, and all small changes to a right one.
#include "weights_io/tensorflow/tensorflow_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <utility>

#include "tests/weights_io/support.h"
#include "tests/weights_io/tensorflow_writer.h"
#include "weights_io/checkpoint.h"
#include "weights_io/checkpoint_formats.h"

namespace sluice {
namespace {

using test::bytes_field;
using test::Entries;
using test::fixed32_field;
using test::Folder;
using test::header_message;
using test::message_of;
using test::shape_message;
using test::TestBundle;
using test::TestEntry;
using test::varint;
using test::varint_field;
using ::testing::IsSubstring;
namespace fs = std::filesystem;

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

std::unique_ptr<Checkpoint> open_index(const std::string &index) {
  return open_tensorflow_bundle(open_memory_source(test::bytes_of(index), "t.index"), {});
}

std::string refusal_of(const Entries &entries) {
  const Folder folder;
  test::write_table(folder / "t", entries);
  const std::string index = test::whole_file(folder / "t");
  return message_of(ErrorCode::bad_file, [&] { open_index(index); });
}

struct Case {
  const char *name;
  Entries entries;
  const char *reason;
};

Case header_case(const char *name, const std::string &header, const char *reason) {
  return {name, {{"", header}}, reason};
}

// An index of two data files with one entry.
Case entry_case(const char *name, const std::string &entry, const char *reason) {
  return {name, {{"", header_message(2)}, {"w", entry}}, reason};
}

Case entry_case(const char *name, const TestEntry &entry, const char *reason) {
  return entry_case(name, entry.message(), reason);
}

Case name_case(const char *name, const std::string &key, const char *reason) {
  return {name, {{"", header_message(2)}, {key, TestEntry{1, {1}, 0, 0, 4, 0, ""}.message()}}, reason};
}

std::vector<Case> header_cases() {
  const std::string one = varint_field(1, 1);
  const std::string version_2 = bytes_field(3, varint_field(1, 2) + varint_field(2, 2));
  const std::string v1_meta = bytes_field(1, bytes_field(1, bytes_field(1, "w")));
  const char *shards = "data files, 1 to 4096 are accepted";
  return {
      {"an empty table", {}, "t.index: not a valid TensorFlow bundle: it has no header"},
      {"no header", {{"w", TestEntry{1, {1}, 0, 0, 4, 0, ""}.message()}}, "entry 'w': there is no header before it"},
      header_case("empty header", "", "header: it has 0 data files"),
      header_case("no data files", varint_field(1, 0), shards),
      header_case("-1 data files", varint_field(1, -1), "header: it has -1 data files"),
      header_case("2^31 - 1 data files", varint_field(1, 2147483647), shards),
      header_case("2^31 data files", varint_field(1, 2147483648), "takes more than 32 bits"),
      header_case("4097 data files", varint_field(1, 4097), shards),
      header_case("data files twice", one + one, "field 1 stands twice"),
      header_case("data files as fixed32", fixed32_field(1, 1), "field 1 has wire type 5, expected 0"),
      header_case("big endian", one + varint_field(2, 1), "it comes from a big-endian machine"),
      header_case("byte order 2", one + varint_field(2, 2), "byte order 2 does not exist"),
      header_case("later version", one + version_2, "it needs a reader of version 2, this one knows version 1"),
      header_case("version is a number", one + varint_field(3, 1), "field 3 has wire type 0, expected 2"),
      header_case("bad consumer", one + bytes_field(3, varint_field(3, 7) + varint_field(3, 1)),
                  "it must not be read by readers of version 1"),
      header_case("packed bad consumers", one + bytes_field(3, bytes_field(3, varint(7) + varint(1))),
                  "it must not be read by readers of version 1"),
      header_case("packed bad consumers, cut", one + bytes_field(3, bytes_field(3, "\xff")), "1 bytes are expected"),
      header_case("version twice", one + bytes_field(3, "") + bytes_field(3, ""), "field 3 stands twice"),
      header_case("min_consumer twice", one + bytes_field(3, varint_field(2, 0) + varint_field(2, 0)),
                  "field 2 stands twice"),
      header_case("V1 checkpoint", v1_meta, "header: it is a TensorFlow V1 checkpoint, which is not read"),
      header_case("group", one + "\x23\x24", "header: field 4 is a group, which is not read"),
      header_case("cut", one + "\x1a\x05", "header: 5 bytes are expected where 0 are left"),
  };
}

// A right entry, changed.
TestEntry with(const auto &change) {
  TestEntry entry = {1, {2, 3}, 1, 8, 24, 5, ""};
  change(entry);
  return entry;
}

std::vector<Case> entry_cases() {
  const auto with_shape = [&](const std::string &shape) {
    return varint_field(1, 1) + bytes_field(2, shape) + varint_field(5, 24);
  };
  const auto shaped = [&](std::vector<int64_t> shape) {
    return with([&](TestEntry &e) { e.shape = std::move(shape); });
  };
  const auto typed = [&](int64_t type) { return with([&](TestEntry &e) { e.type = type; }); };
  const auto and_more = [&](const std::string &more) { return with([&](TestEntry &e) { e.more = more; }); };
  return {
      entry_case("empty", "", "entry 'w': element type 0 does not exist"),
      entry_case("type 0", typed(0), "element type 0 does not exist"),
      entry_case("type 31", typed(31), "element type 31 does not exist"),
      entry_case("type 99", typed(99), "element type 99 does not exist"),
      entry_case("reference type", typed(101), "element type 101 does not exist"),
      entry_case("type -1", typed(-1), "element type -1 does not exist"),
      entry_case("type 2^32 + 1", typed((int64_t{1} << 32) + 1), "takes more than 32 bits"),
      entry_case("negative extent", shaped({2, -3}), "its shape has an extent of -3"),
      entry_case("elements overflow", shaped({kLargest, 3}),
                 "the number of elements of shape [9223372036854775807, 3] overflows"),
      entry_case("elements overflow before 0", shaped({kLargest, 3, 0}), "overflows"),
      entry_case("size overflows", shaped({kLargest}), "the size of shape [9223372036854775807] as F32 overflows"),
      entry_case("size mismatch", shaped({2, 4}), "shape [2, 4] as F32 takes 32 bytes, it has 24"),
      entry_case("scalar of 24 bytes", shaped({}), "shape [] as F32 takes 4 bytes, it has 24"),
      entry_case("no elements, 24 bytes", shaped({0}), "shape [0] as F32 takes 0 bytes, it has 24"),
      entry_case("other type, same size", typed(test::kDouble), "shape [2, 3] as F64 takes 48 bytes, it has 24"),
      entry_case("no shape", varint_field(1, 1) + varint_field(5, 24), "shape [] as F32 takes 4 bytes, it has 24"),
      entry_case("no rank", with_shape(varint_field(3, 1)), "its shape has no known rank"),
      entry_case("rank unknown: 2", with_shape(varint_field(3, 2)), "holds 2 where true or false was expected"),
      entry_case("rank unknown twice", with_shape(varint_field(3, 0) + varint_field(3, 0)), "field 3 stands twice"),
      entry_case("extent twice", with_shape(bytes_field(2, varint_field(1, 6) + varint_field(1, 6))),
                 "field 1 stands twice"),
      entry_case("extent is text", with_shape(bytes_field(2, bytes_field(1, "6"))),
                 "field 1 has wire type 2, expected 0"),
      entry_case("dimension is a number", with_shape(varint_field(2, 6)), "field 2 has wire type 0, expected 2"),
      entry_case("dimension beyond the shape", with_shape("\x12\x05"), "5 bytes are expected where 0 are left"),
      entry_case("shape beyond the entry", varint_field(1, 1) + "\x12\x7f", "127 bytes are expected where 0 are left"),
      entry_case("shape twice", and_more(bytes_field(2, shape_message({2, 3}))), "field 2 stands twice"),
      entry_case("type twice", and_more(varint_field(1, 1)), "field 1 stands twice"),
      entry_case("checksum twice", and_more(fixed32_field(6, 5)), "field 6 stands twice"),
      entry_case("checksum as varint", varint_field(1, 1) + varint_field(6, 5), "field 6 has wire type 0, expected 5"),
      entry_case("slices as varint", and_more(varint_field(7, 1)), "field 7 has wire type 0, expected 2"),
      entry_case("group", and_more("\x43\x44"), "field 8 is a group"),
      entry_case("number of eleven bytes", and_more("\x40" + std::string(10, '\xff') + "\x01"),
                 "a number takes more than 64 bits"),
  };
}

std::vector<Case> place_cases() {
  const auto placed = [&](int64_t shard, int64_t offset, int64_t size) {
    return with([&](TestEntry &e) { e.shard = shard, e.offset = offset, e.size = size; });
  };
  return {
      entry_case("data file 2 of 2", placed(2, 8, 24), "it lies in data file 2 of a bundle of 2"),
      entry_case("data file -1", placed(-1, 8, 24), "it lies in data file -1 of a bundle of 2"),
      entry_case("negative offset", placed(1, -1, 24), "it has 24 bytes from byte -1 on"),
      entry_case("negative size", placed(1, 8, -24), "it has -24 bytes from byte 8 on"),
      entry_case("end overflows", placed(1, kLargest, 24), "it has 24 bytes from byte 9223372036854775807 on"),
      entry_case("string in data file 9", TestEntry{test::kString, {}, 9, 0, 4, 0, ""}, "it lies in data file 9"),
      entry_case("string ends nowhere", TestEntry{test::kString, {}, 0, kLargest, 4, 0, ""},
                 "from byte 9223372036854775807"),
  };
}

std::vector<Case> name_cases() {
  const TestEntry four = {1, {1}, 0, 0, 4, 0, ""}, part = {1, {1}, 0, 0, 4, 0, bytes_field(7, "")};
  const std::string slice("\0w\0\1\1", 5);
  const auto two_at = [](int64_t first, int64_t second, int64_t shard) {
    return Entries{{"", header_message(2)},
                   {"a", TestEntry{1, {1}, 0, first, 4, 0, ""}.message()},
                   {"b", TestEntry{1, {1}, shard, second, 4, 0, ""}.message()}};
  };
  return {
      name_case("NUL in a name", std::string("a\0b", 3), "NUL in a name"),
      name_case("not UTF-8", "a\xff", "its name is not valid UTF-8"),
      name_case("cut UTF-8", "a\xc3", "its name is not valid UTF-8"),
      name_case("surrogate", "\xed\xa0\x80", "its name is not valid UTF-8"),
      name_case("name of 4097 bytes", std::string(4097, 'n'), "a key of 4097 bytes, at most 4096 are accepted"),
      name_case("slice of nothing", slice, "it holds a slice of 'w', which is no partitioned variable"),
      name_case("slice without a name", std::string("\0w", 2), "the key of a slice names no variable"),
      name_case("slice, name not ended", std::string("\0w\0", 3), "the key of a slice names no variable"),
      name_case("slice, NUL in the name", std::string("\0w\0\xffz\0\1", 7), "the key of a slice names no variable"),
      name_case("slice, empty name", std::string("\0\0\1", 3), "a tensor has an empty name"),
      {"slice of a whole tensor",
       {{"", header_message(1)}, {slice, four.message()}, {"w", TestEntry{1, {1}, 0, 4, 4, 0, ""}.message()}},
       "which is no partitioned variable"},
      {"slice is partitioned",
       {{"", header_message(1)}, {slice, part.message()}, {"w", part.message()}},
       "a slice is itself partitioned"},
      {"the same bytes", two_at(0, 0, 0), "entries 'a' and 'b' share bytes"},
      {"shared bytes", two_at(0, 3, 0), "entries 'a' and 'b' share bytes"},
      {"shared bytes, later name first", two_at(9, 6, 0), "entries 'b' and 'a' share bytes"},
  };
}

TEST(TensorFlowIndex, RefusesMalformedIndexes) {
  std::size_t count = 0;
  for (const auto &cases : {header_cases(), entry_cases(), place_cases(), name_cases()}) {
    for (const auto &[name, entries, reason] : cases) {
      SCOPED_TRACE(name);
      const std::string refusal = refusal_of(entries);
      EXPECT_PRED_FORMAT2(IsSubstring, "t.index: not a valid ", refusal);
      EXPECT_PRED_FORMAT2(IsSubstring, reason, refusal);
      ++count;
    }
  }
  EXPECT_GE(count, 70u);
}

// What differs from the refused ones only in what was wrong.
TEST(TensorFlowIndex, AcceptsTheirRightNeighbours) {
  const std::string later = test::fixed64_field(9, 1) + bytes_field(100, "later");
  const std::string version = bytes_field(3, varint_field(1, 2) + varint_field(2, 1) + varint_field(3, 7) + later);
  Entries entries = {{"", varint_field(1, 4096) + varint_field(2, 0) + version + later}};
  entries["a"] = TestEntry{1, {2, 3}, 4095, 8, 24, 5, later}.message();
  entries["b"] = TestEntry{1, {2, 3}, 4095, 32, 24, 5, ""}.message();  // right behind it
  entries["c"] = TestEntry{1, {0}, 4095, 10, 0, 5, ""}.message();      // nothing shares no bytes
  entries["d"] = TestEntry{6, {kLargest - 9}, 0, 9, kLargest - 9, 5, ""}.message();
  entries[std::string(4096, 'n')] = varint_field(1, 1) + varint_field(5, 4);
  const Folder folder;
  test::write_table(folder / "t", entries);
  const std::string index = test::whole_file(folder / "t");
  const auto checkpoint = open_index(index);
  ASSERT_EQ(checkpoint->tensors().size(), 5u);
  EXPECT_EQ(checkpoint->tensors().at("a").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(checkpoint->tensors().at("d").shape, std::vector<int64_t>{kLargest - 9});
  EXPECT_TRUE(checkpoint->tensors().at(std::string(4096, 'n')).shape.empty());
}

TEST(TensorFlowIndex, RefusesWhatTheDataFilesDoNotHold) {
  const Folder folder;
  TestBundle bundle(2);
  bundle.add("a", test::kInt8, {4}, "abcd");
  bundle.add("b", test::kString, {}, "efgh", 1);
  const std::pair<std::size_t, const char *> cases[] = {{0, "entry 'a': ends at byte 4 of "},
                                                        {1, "entry 'b': ends at byte 4 of "}};
  for (const auto &[shard, reason] : cases) {
    TestBundle cut = bundle;
    cut.data[shard].pop_back();
    const fs::path index = cut.write(folder);
    EXPECT_PRED_FORMAT2(IsSubstring, reason, message_of(ErrorCode::bad_file, [&] { open_checkpoint(index); }));
  }
}

// Every byte of the index is checked (sorted_table_test.cpp), and every byte of a tensor; what lies between tensors is
// not.
TEST(TensorFlowIndex, NoSmallChangeGoesUnnoticed) {
  const Folder folder;
  TestBundle bundle;
  bundle.add("conv1/bias", test::kHalf, {2}, "abcd");
  bundle.add("conv1/kernel", test::kFloat, {2, 1}, "12345678");
  bundle.add("step", test::kInt64, {}, "87654321");
  const std::string index = test::whole_file(bundle.write(folder));
  ASSERT_EQ(open_index(index)->tensors().size(), 3u);
  const auto refused = [](const std::string &text) {
    try {
      open_index(text);
    } catch (const Error &error) {
      return error.code() == ErrorCode::bad_file;
    }
    return false;
  };
  for (std::size_t size = 0; size < index.size(); ++size) EXPECT_TRUE(refused(index.substr(0, size))) << size;
  for (std::size_t at = 0; at < index.size(); ++at) {
    std::string changed = index;
    for (int value = 0; value < 256; ++value) {
      changed[at] = static_cast<char>(value);
      ASSERT_TRUE(changed == index || refused(changed)) << "byte " << at << " as " << value;
    }
  }
  const auto checkpoint = open_checkpoint(folder / "snap-0");
  for (std::size_t at = 0; at < bundle.data[0].size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bundle.data[0];
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      test::put(folder / "snap-0.data-00000-of-00001", changed);
      EXPECT_PRED_FORMAT2(IsSubstring, "its bytes are damaged",
                          message_of(ErrorCode::bad_file, [&] { read_all(*open_checkpoint(folder / "snap-0")); }));
    }
  }
}

// Checksums hide the readers behind them from such changes, so the same is done to blocks that are sealed afterwards.
// Loads it or refuses it; what was loaded is as consistent as any other.
bool loads(const std::string &index) {
  std::unique_ptr<Checkpoint> checkpoint;
  try {
    checkpoint = open_index(index);
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
    return false;
  }
  for (const auto &[name, tensor] : checkpoint->tensors()) {
    EXPECT_FALSE(name.empty());
    EXPECT_LE(tensor.shape.size(), tensorflow::kMaxRank);
    EXPECT_GE(element_count(tensor.shape), 0);
  }
  return true;
}

std::string small_block() {
  std::string text;
  std::vector<uint32_t> restarts;
  const std::pair<std::string, std::string> entries[] = {
      {"", header_message(1)},
      {"conv1/kernel", TestEntry{1, {3, 2}, 0, 8, 24, 5, ""}.message()},
      {"parts", TestEntry{1, {2}, 0, 0, 0, 0, bytes_field(7, bytes_field(1, ""))}.message()},
      {"step", TestEntry{test::kInt64, {}, 0, 0, 8, 5, ""}.message()}};
  for (const auto &[key, value] : entries) {
    if (restarts.size() != 1) restarts.push_back(static_cast<uint32_t>(text.size()));
    text += test::table_entry(0, key, value);
  }
  return test::table_block(text, restarts);
}

TEST(TensorFlowIndex, ChangesUnderARightChecksum) {
  test::TableParts parts;
  parts.last_key = "step";
  const std::string right = parts.data_block = small_block();
  ASSERT_TRUE(loads(parts.text()));
  std::size_t loaded = 0, refused = 0;
  const auto count = [&] { ++(loads(parts.text()) ? loaded : refused); };
  for (std::size_t at = 0; at < right.size(); ++at) {
    parts.data_block = right;
    for (int value = 0; value < 256; ++value) {
      parts.data_block[at] = static_cast<char>(value);
      count();
    }
  }
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    SCOPED_TRACE(round);
    parts.data_block = right;
    for (std::size_t changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % parts.data_block.size();
      const std::size_t bytes = std::min<std::size_t>(parts.data_block.size() - at, random() % 9);
      if (random() % 3 == 0) parts.data_block.erase(at, bytes / 2);
      if (random() % 3 == 0) parts.data_block.insert(at, right, random() % right.size(), bytes);
      if (at < parts.data_block.size()) parts.data_block[at] = static_cast<char>(random() & 0xff);
      if (parts.data_block.empty()) break;
    }
    count();
  }
  EXPECT_GT(loaded, 1000u);
  EXPECT_GT(refused, 20'000u);
  RecordProperty("loaded", std::to_string(loaded));
}

}  // namespace
}  // namespace sluice
