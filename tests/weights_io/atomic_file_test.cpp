// SPDX-License-Identifier: Apache-2.0
// weights_io/atomic_file: whole files or none, links and permissions kept, limits on reading.
#include "weights_io/atomic_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/runtime/image/image_files.h"

namespace sluice::image_test {
namespace {

TEST(AtomicFile, WritesAndReadsBack) {
  const TemporaryFolder folder;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100'000}}) {
    const Bytes bytes(size, std::byte{0x5C});
    write_file_atomically(folder / "a", bytes);
    EXPECT_EQ(read_file(folder / "a", size), bytes);
  }
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, WritesIntoTheCurrentFolderAndTheLongestName) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_file_atomically("plain", to_bytes("x"));
  std::filesystem::current_path(before);
  EXPECT_EQ(load(folder / "plain"), to_bytes("x"));
  const std::string longest(255, 'n');
  write_file_atomically(folder / longest, to_bytes("y"));
  EXPECT_EQ(load(folder / longest), to_bytes("y"));
}

TEST(AtomicFile, KeepsPermissionsOfAReplacedFile) {
  const TemporaryFolder folder;
  save(folder / "a", to_bytes("old"));
  ASSERT_EQ(::chmod((folder / "a").c_str(), 0640), 0);
  write_file_atomically(folder / "a", to_bytes("new"));
  struct stat status = {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u);
  EXPECT_EQ(load(folder / "a"), to_bytes("new"));
}

TEST(AtomicFile, NewFilesObeyTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  write_file_atomically(folder / "a", to_bytes("x"));
  ::umask(before);
  struct stat status = {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u);
}

TEST(AtomicFile, FollowsLinks) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "inner");
  save(folder / "inner/target", to_bytes("old"));
  std::filesystem::create_symlink("inner/target", folder / "link");
  write_file_atomically(folder / "link", to_bytes("new"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(load(folder / "inner/target"), to_bytes("new"));
}

TEST(AtomicFile, ReplacesOnlyRegularFiles) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const auto &path : {folder / "pipe", folder.path(), std::filesystem::path("/dev/null")}) {
    EXPECT_TRUE(refused([&] { write_file_atomically(path, to_bytes("x")); }, ErrorCode::input_failed,
                        path.string() + ": cannot write the file: expected a regular file"));
  }
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, WritersAtTheSameTimeDoNotMix) {
  const TemporaryFolder folder;
  const auto write = [&](char letter) {
    for (int i = 0; i < 50; ++i) write_file_atomically(folder / "a", to_bytes(std::string(20'000, letter)));
  };
  std::thread first(write, 'a'), second(write, 'b');
  first.join();
  second.join();
  const Bytes bytes = load(folder / "a");
  ASSERT_EQ(bytes.size(), 20'000u);
  EXPECT_EQ(bytes, Bytes(20'000, bytes[0]));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, PiecesInAnyOrder) {
  const TemporaryFolder folder;
  save(folder / "a", to_bytes("old"));
  {
    AtomicFile file(folder / "a");
    file.write_at(6, to_bytes("world"));
    file.write_at(0, to_bytes("Hello"));
    EXPECT_EQ(load(folder / "a"), to_bytes("old"));
    file.commit();
  }
  EXPECT_EQ(load(folder / "a"), to_bytes(std::string("Hello\0world", 11)));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, WithoutCommitNothingHappened) {
  const TemporaryFolder folder;
  save(folder / "a", to_bytes("old"));
  for (const char *name : {"a", "new"}) {
    AtomicFile file(folder / name);
    file.write_at(0, to_bytes("half of it"));
  }
  EXPECT_EQ(load(folder / "a"), to_bytes("old"));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(ReadFile, RefusesMissingAndLargeFilesAndFolders) {
  const TemporaryFolder folder;
  save(folder / "a", to_bytes("12345"));
  EXPECT_EQ(read_file(folder / "a", 5).size(), 5u);
  EXPECT_TRUE(refused([&] { read_file(folder / "a", 4); }, ErrorCode::bad_file, "has 5 bytes, expected at most 4"));
  EXPECT_TRUE(refused([&] { read_file(folder / "b", 4); }, ErrorCode::not_found, "b: cannot open the file"));
  EXPECT_TRUE(refused([&] { read_file(folder.path(), 4); }, ErrorCode::bad_file, "not a regular file"));
  EXPECT_TRUE(refused([&] { read_file("/dev/zero", 4); }, ErrorCode::bad_file, "not a regular file"));
}

}  // namespace
}  // namespace sluice::image_test
