// SPDX-License-Identifier: Apache-2.0
// weights_io/torch_writer: the bytes of the pickle, the structure of the zip archive, and a file that torch.load read.
#include "weights_io/torch/torch_writer.h"

#include <minizip/unzip.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include "tests/weights_io/support.h"
#include "weights_io/atomic_file.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

using test::Bytes;
using test::Folder;
using test::message_of;
using ::testing::IsSubstring;

struct ZipEntry {
  std::string name, bytes;
  uLong method = 0, date = 0, flags = 0;
  uint64_t offset = 0;  // of its bytes in the file
};

// Every entry in the order of the central directory. unzCloseCurrentFile compares the CRC.
std::vector<ZipEntry> entries_of(const std::filesystem::path &path) {
  std::vector<ZipEntry> entries;
  const unzFile zip = ::unzOpen64(path.c_str());
  EXPECT_NE(zip, nullptr);
  for (int status = ::unzGoToFirstFile(zip); status == UNZ_OK; status = ::unzGoToNextFile(zip)) {
    char name[256] = {};
    unz_file_info64 info = {};
    EXPECT_EQ(::unzGetCurrentFileInfo64(zip, &info, name, sizeof(name), nullptr, 0, nullptr, 0), UNZ_OK);
    EXPECT_EQ(::unzOpenCurrentFile(zip), UNZ_OK);
    ZipEntry entry = {name,      std::string(info.uncompressed_size, '\0'), info.compression_method, info.dosDate,
                      info.flag, ::unzGetCurrentFileZStreamPos64(zip)};
    EXPECT_EQ(::unzReadCurrentFile(zip, entry.bytes.data(), static_cast<unsigned>(entry.bytes.size())),
              static_cast<int>(entry.bytes.size()));
    EXPECT_EQ(::unzCloseCurrentFile(zip), UNZ_OK) << name;
    entries.push_back(std::move(entry));
  }
  ::unzClose(zip);
  return entries;
}

Bytes bytes_of(std::string_view text) {
  const auto *first = reinterpret_cast<const std::byte *>(text.data());
  return {first, first + text.size()};
}

std::string text_of(const Bytes &bytes) { return {reinterpret_cast<const char *>(bytes.data()), bytes.size()}; }

std::string pickle_in(const std::filesystem::path &path) { return entries_of(path).at(0).bytes; }

// A string literal with its zeros.
template <std::size_t size>
std::string raw(const char (&text)[size]) {
  return {text, size - 1};
}

TEST(TorchWriter, BytesOfThePickle) {
  const Folder folder;
  Archive archive;
  archive.tensors["w"] = {DType::f16, {2, 1}, bytes_of("abcd")};
  write_torch_zip(folder / "a.pth", archive);
  EXPECT_EQ(pickle_in(folder / "a.pth"), raw("\x80\x02"
                                             "ccollections\nOrderedDict\n)R("
                                             "X\x01\0\0\0w"
                                             "ctorch._utils\n_rebuild_tensor_v2\n(("
                                             "X\x07\0\0\0storage"
                                             "ctorch\nHalfStorage\n"
                                             "X\x01\0\0\0"
                                             "0X\x03\0\0\0cpuK\x02tQ"
                                             "K\0K\x02K\x01\x86K\x01K\x01\x86\x89"
                                             "ccollections\nOrderedDict\n)RtRu."));
}

TEST(TorchWriter, NumbersAndTuplesOfEachSize) {
  const Folder folder;
  const auto pickled = [&](const std::vector<int64_t> &shape, std::size_t bytes) {
    Archive archive;
    archive.tensors["w"] = {DType::u8, shape, Bytes(bytes)};
    write_torch_zip(folder / "a.pth", archive);
    const std::string pickle = pickle_in(folder / "a.pth");
    const std::size_t begin = pickle.find("cpu") + 3;
    return pickle.substr(begin, pickle.find('\x89', begin) - begin);  // elements, offset, shape, strides
  };
  EXPECT_EQ(pickled({}, 1), raw("K\x01tQK\0))"));
  EXPECT_EQ(pickled({255}, 255), raw("K\xfftQK\0K\xff\x85K\x01\x85"));
  EXPECT_EQ(pickled({256}, 256), raw("M\0\x01tQK\0M\0\x01\x85K\x01\x85"));
  EXPECT_EQ(pickled({65536}, 65536), raw("J\0\0\x01\0tQK\0J\0\0\x01\0\x85K\x01\x85"));
  EXPECT_EQ(pickled({1, 2, 3}, 6), raw("K\x06tQK\0K\x01K\x02K\x03\x87K\x06K\x03K\x01\x87"));
  EXPECT_EQ(pickled({1, 2, 0, 3}, 0), raw("K\0tQK\0(K\x01K\x02K\0K\x03t(K\x06K\x03K\x03K\x01t"));
  EXPECT_EQ(pickled({0, int64_t{1} << 32}, 0),
            raw("K\0tQK\0K\0\x8a\x08\0\0\0\0\x01\0\0\0\x86\x8a\x08\0\0\0\0\x01\0\0\0K\x01\x86"));
}

TEST(TorchWriter, StorageClassOfEachType) {
  const Folder folder;
  const std::pair<DType, const char *> rows[] = {{DType::f64, "Double"},    {DType::f32, "Float"}, {DType::f16, "Half"},
                                                 {DType::bf16, "BFloat16"}, {DType::i64, "Long"},  {DType::i32, "Int"},
                                                 {DType::i16, "Short"},     {DType::i8, "Char"},   {DType::u8, "Byte"},
                                                 {DType::boolean, "Bool"}};
  for (const auto &[dtype, stem] : rows) {
    Archive archive;
    archive.tensors["w"] = {dtype, {3}, Bytes(3 * size_bytes(dtype))};
    write_torch_zip(folder / "a.pth", archive);
    const std::string pickle = pickle_in(folder / "a.pth");
    EXPECT_NE(pickle.find(std::string("ctorch\n") + stem + "Storage\n"), std::string::npos) << stem;
  }
}

TEST(TorchWriter, EntriesAreStoredAlignedAndInTorchsOrder) {
  const Folder folder;
  Archive archive;
  archive.tensors["b"] = {DType::u8, {5}, bytes_of("12345")};
  archive.tensors["a"] = {DType::f32, {0, 4}, {}};
  archive.tensors["c"] = {DType::boolean, {}, Bytes(1, std::byte{1})};
  archive.metadata = {{"licence", "CC0"}, {"crc32.b", "cbf53a1c"}};
  write_torch_zip(folder / "a.pth", archive);
  const std::vector<ZipEntry> entries = entries_of(folder / "a.pth");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"archive/.format_version", "1"}, {"archive/.storage_alignment", "64"},
      {"archive/byteorder", "little"},  {"archive/data/0", ""},
      {"archive/data/1", "12345"},      {"archive/data/2", "\x01"},
      {"archive/version", "3\n"},       {"archive/sluice_metadata.json", R"({"licence":"CC0"})"}};
  ASSERT_EQ(entries.size(), expected.size() + 1);
  EXPECT_EQ(entries[0].name, "archive/data.pkl");
  const Bytes file = read_file(folder / "a.pth", 1 << 20);
  for (std::size_t i = 0; i < entries.size(); i++) {
    const ZipEntry &entry = entries[i];
    if (i > 0) {
      EXPECT_EQ(std::pair(entry.name, entry.bytes), expected[i - 1]);
    }
    EXPECT_EQ(entry.method, 0u);
    EXPECT_EQ(entry.flags, 0u);
    EXPECT_EQ(entry.date, 0x00210000u);
    EXPECT_EQ(entry.offset % 64, 0u) << entry.name;
    EXPECT_EQ(std::memcmp(file.data() + entry.offset, entry.bytes.data(), entry.bytes.size()), 0) << entry.name;
  }
}

// checkpoints/written_by_sluice.pth was read by torch.load of PyTorch 1.6, 1.12 and 2.15 and compared with
// written_by_sluice.expected.safetensors (tests/weights_io/checkpoints/make_checkpoints.py does it for the present
// one).
TEST(TorchWriter, WritesTheBytesThatTorchLoaded) {
  const Folder folder;
  const std::filesystem::path golden = test::source_dir() / "tests/weights_io/checkpoints/written_by_sluice.pth";
  const Archive archive = read_safetensors(std::filesystem::path(golden).replace_extension(".expected.safetensors"));
  write_torch_zip(folder / "a.pth", archive);
  EXPECT_EQ(read_file(folder / "a.pth", 1 << 20), read_file(golden, 1 << 20));
}

TEST(TorchWriter, RefusesWhatNoReaderWouldTake) {
  const Folder folder;
  const auto message = [&](const std::string &name, const StoredTensor &tensor) {
    Archive archive;
    archive.tensors[name] = tensor;
    return message_of(ErrorCode::bad_file, [&] { write_torch_zip(folder / "a.pth", archive); });
  };
  const StoredTensor byte = {DType::u8, {1}, Bytes(1)};
  EXPECT_PRED_FORMAT2(IsSubstring, "a.pth: not written as a torch file: a tensor has an empty name", message("", byte));
  EXPECT_PRED_FORMAT2(IsSubstring, "tensor 'a\\xff': a name that is not valid UTF-8", message("a\xff", byte));
  EXPECT_PRED_FORMAT2(IsSubstring, "tensor 'a': shape [2] as F32, with 1 bytes",
                      message("a", {DType::f32, {2}, Bytes(1)}));
  EXPECT_PRED_FORMAT2(IsSubstring, "has a negative extent", message("a", {DType::f32, {-1}, {}}));
  const int64_t large = int64_t{1} << 62;
  EXPECT_PRED_FORMAT2(IsSubstring, "overflow", message("a", {DType::f32, {0, large, large}, {}}));
  Archive archive;
  archive.metadata["author"] = "\xff";
  EXPECT_PRED_FORMAT2(IsSubstring, "metadata 'author': not valid UTF-8",
                      message_of(ErrorCode::bad_file, [&] { write_torch_zip(folder / "a.pth", archive); }));
  for (int i = 0; i <= 65'000; i++) archive.tensors[std::to_string(i)] = byte;
  EXPECT_PRED_FORMAT2(IsSubstring, "more than 65000 tensors",
                      message_of(ErrorCode::bad_file, [&] { write_torch_zip(folder / "a.pth", archive); }));
  EXPECT_EQ(folder.entries(), 0u);
}

// A file system that refuses in the middle: what was there stays, and minizip's C is left in good order.
TEST(TorchWriter, AFullDiskLeavesTheOldFile) {
  const Folder folder;
  test::put(folder / "a.pth", "old");
  Archive archive;
  archive.tensors["a"] = {DType::u8, {1 << 20}, Bytes(1 << 20)};
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const rlim_t bytes : {rlim_t{0}, rlim_t{100}, rlim_t{300'000}}) {
    const struct rlimit small = {bytes, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::string message =
        message_of(ErrorCode::input_failed, [&] { write_torch_zip(folder / "a.pth", archive); });
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_PRED_FORMAT2(IsSubstring, "a.pth: cannot write the file: write: File too large", message);
    EXPECT_EQ(text_of(read_file(folder / "a.pth", 10)), "old");
    EXPECT_EQ(folder.entries(), 1u);
  }
  std::signal(SIGXFSZ, old_handler);
  EXPECT_PRED_FORMAT2(IsSubstring, "cannot create a file in its folder", message_of(ErrorCode::input_failed, [&] {
                        write_torch_zip(folder / "absent" / "a.pth", archive);
                      }));
}

}  // namespace
}  // namespace sluice
