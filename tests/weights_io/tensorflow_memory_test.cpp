// SPDX-License-Identifier: Apache-2.0
// Memory that an index takes, at its peak, and what happens where there is none. Counts for the whole program.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/weights_io/support.h"
#include "tests/weights_io/tensorflow_writer.h"
#include "weights_io/checkpoint.h"
#include "weights_io/checkpoint_formats.h"

namespace {

std::atomic<std::size_t> taken{0}, peak{0}, calls{0};
std::atomic<std::size_t> failing_call{0};  // 0: none

void *take(std::size_t size) {
  if (++calls == failing_call) throw std::bad_alloc();
  void *memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  taken += ::malloc_usable_size(memory);
  if (taken > peak) peak = taken.load();
  return memory;
}

void give(void *memory) {
  taken -= ::malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void *operator new(std::size_t size) { return take(size); }
void *operator new[](std::size_t size) { return take(size); }
void operator delete(void *memory) noexcept { give(memory); }
void operator delete[](void *memory) noexcept { give(memory); }
void operator delete(void *memory, std::size_t) noexcept { give(memory); }
void operator delete[](void *memory, std::size_t) noexcept { give(memory); }

namespace sluice {
namespace {

using test::Entries;
using test::Folder;
using test::message_of;
using test::TestBundle;
using test::TestEntry;
using ::testing::IsSubstring;

std::string index_of(const Entries &entries) {
  const Folder folder;
  test::write_table(folder / "t", entries, {std::size_t{64} << 20, 1 << 20});  // one block, keys share what they can
  return test::whole_file(folder / "t");
}

std::unique_ptr<Checkpoint> open_index(const std::string &index) {
  return open_tensorflow_bundle(open_memory_source(test::bytes_of(index), "t.index"), {});
}

std::string numbered(const std::string &prefix, std::size_t number) {
  std::string digits = std::to_string(number);
  return prefix + std::string(6 - digits.size(), '0') + digits;
}

// `count` entries under names of `name_bytes` bytes that differ at their end only.
std::string bomb(std::size_t count, std::size_t name_bytes, const std::string &entry) {
  const std::string prefix(name_bytes - 6, 'n');
  Entries entries = {{"", test::header_message(1)}};
  for (std::size_t i = 0; i < count; ++i) entries[numbered(prefix, i)] = entry;
  return index_of(entries);
}

void expect_bounded(const std::string &index, std::size_t entries) {
  const std::size_t before = taken;
  peak = before;
  const auto checkpoint = open_index(index);
  EXPECT_EQ(checkpoint->tensors().size() + checkpoint->others().size(), entries);
  EXPECT_LE(peak - before, index.size() + index.size() / 10 + (std::size_t{32} << 20));
  ::testing::Test::RecordProperty("peak", std::to_string(peak - before));
}

TEST(TensorFlowMemory, TheLargestNamesAndShapesStayWithinBounds) {
  expect_bounded(bomb(100'000, 83, TestEntry{1, std::vector<int64_t>(8, 0), 0, 0, 0, 0, ""}.message()), 100'000);
  expect_bounded(bomb(100'000, 83, TestEntry{test::kString, {}, 0, 0, 0, 0, ""}.message()), 100'000);
  expect_bounded(bomb(100'000, 83, TestEntry{1, {}, 0, 0, 0, 0, test::bytes_field(7, "")}.message()), 100'000);
  expect_bounded(bomb(2'000, 4096, TestEntry{1, {0}, 0, 0, 0, 0, ""}.message()), 2'000);
}

TEST(TensorFlowMemory, Bombs) {
  const std::string entry = TestEntry{1, {0}, 0, 0, 0, 0, ""}.message();
  const std::string quadratic = bomb(50'000, 4096, entry);
  EXPECT_LT(quadratic.size(), 2'000'000u);  // 200 MB of names
  const std::string many = bomb(100'002, 10, entry);
  const std::size_t before = taken;
  peak = before;
  EXPECT_PRED_FORMAT2(IsSubstring, "keys of more than 8388608 bytes in all",
                      message_of(ErrorCode::bad_file, [&] { open_index(quadratic); }));
  EXPECT_PRED_FORMAT2(IsSubstring, "more than 100001 entries",
                      message_of(ErrorCode::bad_file, [&] { open_index(many); }));
  EXPECT_LE(peak - before, std::size_t{32} << 20);
}

// Whichever allocation fails, that is what is reported, nothing leaks, and the next load works.
TEST(TensorFlowMemory, FailureOfAnyAllocation) {
  const Folder folder;
  TestBundle bundle(2);
  for (const char *name : {"a", "a name longer than any string keeps in place", "c"}) {
    bundle.add(name, test::kFloat, {1, 2}, "12345678", name[0] == 'c' ? 1 : 0);
  }
  bundle.add("text", test::kString, {}, "text");
  const auto index = bundle.write(folder);
  const TensorMap expected = read_all(*open_checkpoint(index)).tensors;
  std::size_t failures = 0;
  for (bool is_done = false; !is_done; ++failures) {
    const std::size_t before = taken;
    calls = 0;
    failing_call = failures + 1;
    try {
      const Archive archive = read_all(*open_checkpoint(index));
      is_done = true;
    } catch (const std::bad_alloc &) {
    }
    failing_call = 0;
    ASSERT_EQ(taken, before) << failures;
    ASSERT_LT(failures, 10'000u);
  }
  EXPECT_GT(failures, 50u);
  EXPECT_TRUE(read_all(*open_checkpoint(index)).tensors == expected);
}

}  // namespace
}  // namespace sluice
