// SPDX-License-Identifier: Apache-2.0
// The table reader beside LevelDB, which writes the tables; and tables with every part wrong.
#include "weights_io/tensorflow/sorted_table.h"

#include <gtest/gtest.h>
#include <leveldb/iterator.h>
#include <leveldb/table.h>

#include <memory>
#include <random>

#include "tests/weights_io/support.h"
#include "tests/weights_io/table_writer.h"

namespace sluice {
namespace {

using test::Entries;
using test::Folder;
using test::handle;
using test::message_of;
using test::sealed;
using test::table_block;
using test::table_entry;
using test::TableParts;
using test::varint;
using ::testing::IsSubstring;
namespace fs = std::filesystem;

constexpr TableLimits kLimits = {100'000, 4096, 8 << 20};

Entries entries_of(ByteSource &source, const TableLimits &limits = kLimits) {
  Entries entries;
  std::string last;
  read_sorted_table(source, limits, [&](std::string_view key, std::span<const std::byte> value) {
    EXPECT_TRUE(entries.empty() || last < key);
    last = key;
    entries[last] = std::string(reinterpret_cast<const char *>(value.data()), value.size());
  });
  return entries;
}

Entries entries_of(const std::string &table, const TableLimits &limits = kLimits) {
  return entries_of(*open_memory_source(test::bytes_of(table), "t.index"), limits);
}

// What LevelDB reads from the file.
Entries by_leveldb(const fs::path &path) {
  leveldb::RandomAccessFile *opened = nullptr;
  EXPECT_TRUE(leveldb::Env::Default()->NewRandomAccessFile(path.string(), &opened).ok());
  const std::unique_ptr<leveldb::RandomAccessFile> file(opened);
  leveldb::Options options;
  options.paranoid_checks = true;
  leveldb::Table *table_opened = nullptr;
  EXPECT_TRUE(leveldb::Table::Open(options, file.get(), fs::file_size(path), &table_opened).ok());
  const std::unique_ptr<leveldb::Table> table(table_opened);
  leveldb::ReadOptions read;
  read.verify_checksums = true;
  const std::unique_ptr<leveldb::Iterator> at(table->NewIterator(read));
  Entries entries;
  for (at->SeekToFirst(); at->Valid(); at->Next()) entries[at->key().ToString()] = at->value().ToString();
  EXPECT_TRUE(at->status().ok());
  return entries;
}

// Names as variables have them, bytes of any kind, and long shared beginnings.
std::string random_key(std::mt19937 &random) {
  const auto below = [&](uint32_t bound) { return static_cast<uint32_t>(random()) % bound; };
  std::string key;
  switch (below(4)) {
    case 0:
      key = "inpaint_net/conv" + std::to_string(below(40)) + (below(2) != 0 ? "/kernel" : "/bias");
      if (below(3) == 0) key += "/Adam";
      return key;
    case 1:
      for (uint32_t left = below(12); left > 0; --left) key += static_cast<char>(below(256));
      return key;
    case 2:
      for (uint32_t left = below(30); left > 0; --left) key += below(2) != 0 ? '\0' : '\xff';
      return key;
    default:
      return std::string(below(2000), 'p') + static_cast<char>('a' + below(26));
  }
}

Entries random_entries(std::mt19937 &random) {
  static constexpr std::size_t kCounts[] = {0, 1, 2, 3, 15, 16, 17, 60, 300};
  Entries entries;
  const std::size_t count = kCounts[random() % std::size(kCounts)];
  for (std::size_t tries = 0; entries.size() < count && tries < 4 * count; ++tries) {
    std::string value(random() % 4 == 0 ? random() % 700 : random() % 40, '\0');
    for (char &byte : value) byte = static_cast<char>(random() & 0xff);
    entries[random_key(random)] = std::move(value);
  }
  return entries;
}

TEST(SortedTable, AsLevelDbWritesThem) {
  const Folder folder;
  static constexpr std::size_t kBlocks[] = {1, 64, 300, 4096, std::size_t{256} << 10};
  static constexpr int kIntervals[] = {1, 2, 3, 16, 1000};
  std::size_t keys = 0;
  for (unsigned seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Entries entries = random_entries(random);
    test::write_table(folder / "t", entries, {kBlocks[seed % 5], kIntervals[seed / 5 % 5]});
    ASSERT_EQ(entries_of(*open_file_source(folder / "t")), entries);
    ASSERT_EQ(entries_of(test::whole_file(folder / "t")), entries);
    keys += entries.size();
  }
  EXPECT_GT(keys, 10'000u);
}

// The tables of these tests are tables to LevelDB too, so what is wrong with the others is what a case says.
TEST(SortedTable, LevelDbReadsTheTablesOfTheseTests) {
  const Folder folder;
  const Entries expected = {{"a", "1"}, {"ab", "2"}};
  EXPECT_EQ(entries_of(TableParts{}.text()), expected);
  test::put(folder / "t", TableParts{}.text());
  EXPECT_EQ(by_leveldb(folder / "t"), expected);
  TableParts restarts;
  restarts.data_block =
      table_block(table_entry(0, "a", "1") + table_entry(0, "b", "") + table_entry(1, "c", "x"), {0, 5});
  restarts.last_key = "c";  // not below the last key, and no key itself
  test::put(folder / "t", restarts.text());
  EXPECT_EQ(entries_of(restarts.text()), by_leveldb(folder / "t"));
  EXPECT_EQ(entries_of(restarts.text()).size(), 3u);
}

struct Case {
  const char *name;
  std::string table;
  const char *reason;
};

Case data_case(const char *name, const std::string &block, const char *reason) {
  TableParts parts;
  parts.data_block = block;
  return {name, parts.text(), reason};
}

Case index_case(const char *name, const std::string &block, const char *reason) {
  TableParts parts;
  parts.index_block = block;
  return {name, parts.text(), reason};
}

Case footer_case(const char *name, const std::string &filters, const std::string &index, const char *reason) {
  const std::string text = TableParts{}.text();
  return {name, text.substr(0, text.size() - 48) + test::footer(filters, index), reason};
}

// Of the right table: 18 bytes of data block, then 8 of filters, 15 of index; each with 5 of trailer.
const uint64_t kData = TableParts{}.data_block.size();
const std::string kFilters = handle(kData + 5, 8), kIndex = handle(kData + 18, 15);

std::vector<Case> footer_cases() {
  const std::string text = TableParts{}.text();
  std::string magic = text;
  magic.back() ^= 1;
  return {
      {"empty", "", "0 bytes are too few for a footer"},
      {"a byte short of a footer", text.substr(text.size() - 47), "47 bytes are too few for a footer"},
      {"only a footer", text.substr(text.size() - 48), "the index block: 15 bytes from byte"},
      {"magic", magic, "does not end in the magic number"},
      {"file without its beginning", text.substr(1), "end beyond byte"},
      {"bytes after the footer", text + '\0', "does not end in the magic number"},
      footer_case("padding", kFilters, kIndex + std::string(1, '\0') + "x", "the footer: its padding is not zero"),
      footer_case("overlong handle", std::string("\x99\x00", 2) + '\x08', kIndex,
                  "the footer: place of the filters: a number with zeros in front"),
      footer_case("handle of 65 bits", std::string(9, '\xff') + '\x02' + '\x08', kIndex,
                  "the footer: place of the filters: a number of more than 64 bits"),
      footer_case("handle of eleven bytes", std::string(10, '\xff') + '\x01', kIndex,
                  "the footer: place of the filters: a number of more than 64 bits"),
      footer_case("index beyond the file", kFilters, handle(1000, 15), "the index block: 15 bytes from byte 1000 on"),
      footer_case("index larger than the file", kFilters, handle(kData + 18, 1 << 30), "end beyond byte"),
      footer_case("index overflows", kFilters, handle(kData + 18, ~uint64_t{0}), "end beyond byte"),
      footer_case("offset overflows", kFilters, handle(~uint64_t{0}, 15), "end beyond byte"),
      footer_case("index too short", kFilters, handle(kData + 18, 14), "the footer begins at byte"),
      footer_case("index too early", kFilters, handle(kData + 17, 16), "the block of filters: 8 bytes from byte"),
      footer_case("filters beyond the index", handle(kData + 6, 8), kIndex, "the block of filters: 8 bytes from byte"),
      footer_case("filters too short", handle(kData + 5, 7), kIndex, "the index block begins at byte"),
      footer_case("filters before the data", handle(kData + 4, 9), kIndex, "the data block at byte 0: "),
      footer_case("blocks the other way round", kIndex, kFilters, "the footer begins at byte"),
  };
}

std::vector<Case> index_cases() {
  const std::string right = handle(0, kData), last = "ab";
  TableParts filter;
  filter.filters_block = table_block(table_entry(0, "filter.bloom", right));
  TableParts hole, after_filters, after_index;
  hole.after_data = "x", after_filters.after_filters = "x", after_index.after_index = "x";
  std::string twice = table_block(table_entry(0, last, right) + table_entry(0, "b", right));
  return {
      index_case("no data block", table_block(""),
                 "the block of filters begins at byte 23, the block before it ends at 0"),
      index_case("no place", table_block(table_entry(0, last, "")),
                 "entry 'ab' of the index block: place of a data block of 1"),
      index_case("half a place", table_block(table_entry(0, last, varint(0))), "place of a data block of 1 bytes"),
      index_case("more than a place", table_block(table_entry(0, last, right + "x")), "1 bytes after the place"),
      index_case("place beyond the file", table_block(table_entry(0, last, handle(9999, 4))), "begins at byte 9999"),
      index_case("data too large", table_block(table_entry(0, last, handle(0, 1 << 20))), "end beyond byte 23"),
      index_case("data size overflows", table_block(table_entry(0, last, handle(0, ~uint64_t{0}))),
                 "end beyond byte 23"),
      index_case("data too small", table_block(table_entry(0, last, handle(0, kData - 1))), "is damaged: checksum"),
      index_case("first block left out", table_block(table_entry(0, last, handle(1, kData - 1))), "begins at byte 1,"),
      index_case("a block twice", twice, "begins at byte 0, the block before it ends at 23"),
      index_case("key too small", table_block(table_entry(0, "aa", right)),
                 "key 'aa' is below the last key of its block"),
      index_case("overlong place", table_block(table_entry(0, last, std::string("\x80\x00", 2) + varint(kData))),
                 "a number with zeros in front"),
      {"a filter", filter.text(), "filter 'filter.bloom' is not read"},
      {"a hole after the data", hole.text(), "begins at byte 24, the block before it ends at 23"},
      {"a hole after the filters", after_filters.text(), "the index block begins at byte"},
      {"a hole after the index", after_index.text(), "the footer begins at byte"},
  };
}

std::vector<Case> block_cases() {
  const std::string a = table_entry(0, "a", "1");
  const std::string huge = varint(~uint32_t{0});
  TableParts snappy, zstd, index_snappy;
  snappy.data_type = 1, zstd.data_type = 2, index_snappy.index_type = 1;
  std::string damaged = TableParts{}.text();
  damaged[3] ^= 1;
  std::string crc = TableParts{}.text();
  crc[kData + 2] ^= 0x40;
  const char *no_entry = "is not where an entry begins";
  return {
      {"snappy", snappy.text(), "the data block at byte 0 is compressed with snappy, which is not read"},
      {"snappy index", index_snappy.text(), "the index block is compressed with snappy"},
      {"zstd", zstd.text(), "has compression type 2, which is not read"},
      {"damaged block", damaged, "the data block at byte 0 is damaged: checksum"},
      {"damaged checksum", crc, "the data block at byte 0 is damaged: checksum"},
      data_case("empty block", "", "0 bytes hold no entries"),
      data_case("three bytes", "abc", "3 bytes hold no entries"),
      data_case("no restarts", a + test::fixed32(0), "0 restarts in 9 bytes"),
      data_case("too many restarts", a + test::fixed32(0) + test::fixed32(3), "3 restarts in 13 bytes"),
      data_case("2^32 - 1 restarts", a + test::fixed32(0) + test::fixed32(~uint32_t{0}), "4294967295 restarts in"),
      data_case("no entries", table_block(""), "it holds no entries"),
      data_case("no entries, a restart elsewhere", table_block("", {1}), no_entry),
      data_case("no entries, two restarts", table_block("", {0, 0}), no_entry),
      data_case("first restart not 0", table_block(a, {1}), no_entry),
      data_case("restart within an entry", table_block(a + table_entry(0, "b", ""), {0, 3}), no_entry),
      data_case("restart at the end", table_block(a, {0, 5}), no_entry),
      data_case("restart twice", table_block(a, {0, 0}), no_entry),
      data_case("restarts backwards", table_block(a + table_entry(0, "b", "") + table_entry(0, "c", ""), {0, 9, 5}),
                no_entry),
      data_case("shares at a restart", table_block(a + table_entry(1, "b", ""), {0, 5}), "shares bytes with another"),
      data_case("first key shares", table_block(table_entry(1, "b", "")), "the key at a restart shares bytes"),
      data_case("shares too much", table_block(a + table_entry(2, "b", "")), "a key shares 2 bytes with one of 1"),
      data_case("shares 2^32 - 1", table_block(a + huge + varint(1) + varint(0) + "b"),
                "a key shares 4294967295 bytes"),
      data_case("key of 2^32 - 1", table_block(varint(0) + huge + varint(0) + "b"),
                "a key of 4294967295 bytes, at most 4096"),
      data_case("key beyond the block", table_block(varint(0) + varint(9) + varint(0) + "b"),
                "a key of 9 bytes where 1 are left"),
      data_case("value beyond the block", table_block(varint(0) + varint(1) + varint(9) + "b"),
                "a value of 9 bytes where 0 are left"),
      data_case("value of 2^32 - 1", table_block(varint(0) + varint(1) + huge + "b"),
                "a value of 4294967295 bytes where 0"),
      data_case("entry ends early", table_block(std::string(2, '\0')), "bytes of a value of 1 bytes where 0 are left"),
      data_case("length of 33 bits", table_block(varint(0) + varint(uint64_t{1} << 32) + varint(0)),
                "a number of more than 32 bits"),
      data_case("length of six bytes", table_block(varint(0) + std::string(5, '\x80') + '\1' + varint(0)),
                "a number of more than 32 bits"),
      data_case("overlong length", table_block(std::string("\x80\0\1\0a", 5)), "a number with zeros in front"),
      data_case("equal keys", table_block(a + a), "key 'a' does not come after 'a'"),
      data_case("a key and itself", table_block(a + table_entry(1, "", "")), "key 'a' does not come after 'a'"),
      data_case("keys fall", table_block(table_entry(0, "b", "") + a), "key 'a' does not come after 'b'"),
      data_case("empty key twice", table_block(table_entry(0, "", "") + table_entry(0, "", "")),
                "key '' does not come after ''"),
      data_case("bytes compare unsigned", table_block(table_entry(0, "\xff", "") + a),
                "key 'a' does not come after '\\xff'"),
  };
}

TEST(SortedTable, RefusesMalformedTables) {
  std::size_t count = 0;
  for (const auto &cases : {footer_cases(), index_cases(), block_cases()}) {
    for (const auto &[name, table, reason] : cases) {
      SCOPED_TRACE(name);
      const std::string refusal = message_of(ErrorCode::bad_file, [text = table] { entries_of(text); });
      EXPECT_PRED_FORMAT2(IsSubstring, "t.index: not a valid table: ", refusal);
      EXPECT_PRED_FORMAT2(IsSubstring, reason, refusal);
      ++count;
    }
  }
  EXPECT_GE(count, 65u);
}

TEST(SortedTable, KeysOfLaterBlocksComeLater) {
  const std::string first = table_block(table_entry(0, "a", "") + table_entry(0, "c", ""));
  const std::string second = table_block(table_entry(0, "b", ""));
  const auto table_with = [&](const std::string &first_key, const std::string &second_key, const std::string &block) {
    TableParts parts;
    parts.data_block = first;
    parts.after_data = sealed(block);
    parts.index_block = table_block(table_entry(0, first_key, handle(0, first.size())) +
                                    table_entry(0, second_key, handle(first.size() + 5, block.size())));
    return parts.text();
  };
  const auto refusal = [&](const std::string &table) {
    return message_of(ErrorCode::bad_file, [&] { entries_of(table); });
  };
  EXPECT_PRED_FORMAT2(IsSubstring, "key 'b' does not come after 'c'", refusal(table_with("c", "d", second)));
  const std::string later = table_block(table_entry(0, "e", ""));
  EXPECT_EQ(entries_of(table_with("c", "e", later)).size(), 3u);
  EXPECT_EQ(entries_of(table_with("d", "f", later)).size(), 3u);
  EXPECT_PRED_FORMAT2(IsSubstring, "key 'e' does not come after 'e'", refusal(table_with("e", "f", later)));
  EXPECT_PRED_FORMAT2(IsSubstring, "key 'd' is below the last key", refusal(table_with("c", "d", later)));
}

TEST(SortedTable, Limits) {
  const Folder folder;
  Entries entries;
  for (int i = 0; i < 100; ++i) entries[std::string(50, 'k') + std::to_string(100 + i)] = "v";
  test::write_table(folder / "t", entries);
  const std::string table = test::whole_file(folder / "t");
  EXPECT_EQ(entries_of(table, {100, 53, 5300}), entries);
  const auto refusal = [&](const TableLimits &limits) {
    return message_of(ErrorCode::bad_file, [&] { entries_of(table, limits); });
  };
  EXPECT_PRED_FORMAT2(IsSubstring, "more than 99 entries", refusal({99, 53, 5300}));
  EXPECT_PRED_FORMAT2(IsSubstring, "a key of 53 bytes, at most 52 are accepted", refusal({100, 52, 5300}));
  EXPECT_PRED_FORMAT2(IsSubstring, "keys of more than 5299 bytes in all", refusal({100, 53, 5299}));
}

TEST(SortedTable, CompressedByLevelDb) {
  const Folder folder;
  test::write_table(folder / "t", {{"a", std::string(4000, 'x')}}, {4096, 16, true});
  EXPECT_PRED_FORMAT2(IsSubstring, "compressed with snappy",
                      message_of(ErrorCode::bad_file, [&] { entries_of(*open_file_source(folder / "t")); }));
}

// No byte is left to chance: whichever is changed, and wherever the file ends, it is refused.
TEST(SortedTable, EveryByteIsChecked) {
  const Folder folder;
  Entries entries;
  for (int i = 0; i < 9; ++i) entries["conv" + std::to_string(i) + "/kernel"] = std::string(5, static_cast<char>(i));
  test::write_table(folder / "t", entries, {60, 2});
  const std::string table = test::whole_file(folder / "t");
  ASSERT_EQ(entries_of(table), entries);
  const auto refused = [](const std::string &text) {
    try {
      entries_of(text);
    } catch (const Error &) {
      return true;
    }
    return false;
  };
  for (std::size_t size = 0; size < table.size(); ++size) EXPECT_TRUE(refused(table.substr(0, size))) << size;
  for (std::size_t at = 0; at < table.size(); ++at) {
    std::string changed = table;
    for (int value = 0; value < 256; ++value) {
      changed[at] = static_cast<char>(value);
      ASSERT_TRUE(changed[at] == table[at] || refused(changed)) << "byte " << at << " as " << value;
    }
  }
}

}  // namespace
}  // namespace sluice
