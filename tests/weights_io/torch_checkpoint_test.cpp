// SPDX-License-Identifier: Apache-2.0
// Checkpoints of PyTorch, zip and legacy: views, names and types come out right, damaged containers are refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <ostream>

#include "tests/support/table_size.h"
#include "tests/weights_io/pickle_builder.h"
#include "weights_io/checkpoint.h"
#include "weights_io/torch/torch_view.h"

namespace sluice {
namespace {

using namespace test;  // the builder's words: text, tuple, call, ...
using ::testing::IsSubstring;

Opened open(std::string file) { return Opened(std::move(file)); }

std::string refusal(const std::string &file) {
  return message_of(ErrorCode::bad_file, [&] { read_all(*open(file)); });
}

// Bytes 0, 1, 2, ...
std::string counting(std::size_t count, int first = 0) {
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(static_cast<int>(i) + first);
  return bytes;
}

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::string file_of(const std::string &value, const Storages &storages) { return torch_zip(pickled(value), storages); }

// ---- what is read

const std::string kBytes12 = storage("ByteStorage", "0", 12);

TEST(TorchCheckpoint, Views) {
  const std::string file = file_of(dictionary({{text("whole"), tensor(kBytes12, 0, {3, 4}, {4, 1})},
                                               {text("part"), tensor(kBytes12, 5, {2}, {1})},
                                               {text("transposed"), tensor(kBytes12, 0, {4, 3}, {1, 4})},
                                               {text("every_other"), tensor(kBytes12, 1, {2, 2}, {8, 2})},
                                               {text("expanded"), tensor(kBytes12, 3, {2, 3}, {1, 0})},
                                               {text("overlapping"), tensor(kBytes12, 0, {3, 2}, {1, 1})},
                                               {text("scalar"), tensor(kBytes12, 11, {}, {})},
                                               {text("none"), tensor(kBytes12, 99, {0, 3}, {3, 1})}}),
                                   {{"0", counting(12)}});
  const TensorMap read = read_all(*open(file)).tensors;
  ASSERT_EQ(read.size(), 8u);
  EXPECT_EQ(read.at("whole").bytes, bytes_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(read.at("whole").shape, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(read.at("part").bytes, bytes_of({5, 6}));
  EXPECT_EQ(read.at("transposed").bytes, bytes_of({0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(read.at("every_other").bytes, bytes_of({1, 3, 9, 11}));
  EXPECT_EQ(read.at("expanded").bytes, bytes_of({3, 3, 3, 4, 4, 4}));
  EXPECT_EQ(read.at("overlapping").bytes, bytes_of({0, 1, 1, 2, 2, 3}));
  EXPECT_EQ(read.at("scalar").bytes, bytes_of({11}));
  EXPECT_TRUE(read.at("none").bytes.empty());
  EXPECT_EQ(read.at("none").shape, (std::vector<int64_t>{0, 3}));
}

// Larger than the pieces in which views are gathered, against element by element.
TEST(TorchCheckpoint, ViewsInPieces) {
  constexpr int64_t kElements = 1'500'000;
  std::vector<std::byte> bytes(kElements * 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>((i * 2654435761u) >> 13);
  const auto source = open_memory_source(bytes, "t");
  struct Row {
    int64_t offset;
    std::vector<int64_t> shape, strides;
  };
  for (const Row &row : std::vector<Row>{{0, {1500, 1000}, {1, 1500}},         // transposed
                                         {7, {3, 1000, 400}, {400, 1300, 1}},  // permuted, with gaps
                                         {0, {749'999}, {2}},                  // every other one
                                         {3, {14, 1000}, {100'000, 100}},      // too sparse for whole pieces
                                         {0, {2, 700'000}, {750'000, 1}},      // two long rows
                                         {1, {700'000, 2}, {1, 750'000}},      // the same, transposed
                                         {5, {30, 2, 1000, 5}, {0, 1'400'000, 50, 3}}}) {
    const TensorView view = {0, DType::f16, static_cast<uint64_t>(row.offset) * 2, row.shape, row.strides};
    ASSERT_LE(reach_bytes(view), bytes.size());
    const std::vector<std::byte> read = read_view(*source, 0, view);
    ASSERT_EQ(read.size(), dense_bytes(view));
    std::vector<int64_t> index(row.shape.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < read.size(); i += 2) {
      const int64_t from = row.offset + std::inner_product(index.begin(), index.end(), row.strides.begin(), int64_t{0});
      wrong += std::memcmp(&read[i], &bytes[static_cast<std::size_t>(from) * 2], 2) != 0;
      for (std::size_t axis = index.size(); axis-- > 0 && ++index[axis] == row.shape[axis];) index[axis] = 0;
    }
    EXPECT_EQ(wrong, 0u) << shape_text(row.shape) << " " << shape_text(row.strides);
  }
}

TEST(TorchCheckpoint, Types) {
  struct Row {
    const char *storage;
    DType dtype;
  };
  for (const Row &row : std::vector<Row>{{"DoubleStorage", DType::f64},
                                         {"FloatStorage", DType::f32},
                                         {"HalfStorage", DType::f16},
                                         {"BFloat16Storage", DType::bf16},
                                         {"LongStorage", DType::i64},
                                         {"IntStorage", DType::i32},
                                         {"ShortStorage", DType::i16},
                                         {"CharStorage", DType::i8},
                                         {"ByteStorage", DType::u8},
                                         {"BoolStorage", DType::boolean}}) {
    const auto size = size_bytes(row.dtype);
    const std::string value = ordered({{text("w"), tensor(storage(row.storage, "0", 3), 1, {2}, {1})}});
    const std::string data = counting(3 * size, 1);
    const StoredTensor read = open(file_of(value, {{"0", data}}))->read("w");
    EXPECT_EQ(read.dtype, row.dtype);
    EXPECT_EQ(std::memcmp(read.bytes.data(), data.data() + size, 2 * size), 0) << row.storage;
    const StoredTensor legacy = open(torch_legacy(pickled(value), {{"0", 3, data}}))->read("w");
    EXPECT_EQ(legacy, read) << row.storage;
  }
}

TEST(TorchCheckpoint, TypesThatAreNotRead) {
  const std::string value = dictionary({{text("c"), tensor(storage("ComplexFloatStorage", "0", 1), 0, {1}, {1})},
                                        {text("w"), tensor(storage("ByteStorage", "1", 1), 0, {1}, {1})},
                                        {text("q"), call("torch._utils", "_rebuild_qtensor", {})}});
  const auto checkpoint = open(torch_legacy(pickled(value), {{"0", 1, counting(8)}, {"1", 1, "\5"}}));
  EXPECT_EQ(checkpoint->others().at("c"), "a tensor of type complex64, which is not read");
  EXPECT_EQ(checkpoint->others().at("q"), "a quantized tensor, which is not read");
  EXPECT_EQ(checkpoint->read("w").bytes, bytes_of({5}));
}

TEST(TorchCheckpoint, UntypedStorages) {
  const auto rebuilt = [](const char *dtype) {
    return call("torch._utils", "_rebuild_tensor_v3",
                {storage("UntypedStorage", "0", 8), integer(1), sizes({2}), sizes({1}), boolean(false), ordered({}),
                 global("torch", dtype), dictionary({})});
  };
  const std::string value = dictionary({{text("i"), rebuilt("int16")}, {text("u"), rebuilt("uint16")}});
  const auto checkpoint = open(file_of(value, {{"0", counting(8)}}));
  EXPECT_EQ(checkpoint->read("i"), (StoredTensor{DType::i16, {2}, bytes_of({2, 3, 4, 5})}));
  EXPECT_EQ(checkpoint->others().at("u"), "a tensor of type uint16, which is not read");
}

TEST(TorchCheckpoint, NamesAndOthers) {
  const std::string one = tensor(kBytes12, 0, {1}, {1});
  const std::string file = file_of(
      dictionary(
          {{text("G"), ordered({{python2_text("conv.weight"), one}})},
           {text("state"), dictionary({{integer(-3), list({one, text("x")})}, {integer(7), tuple({one})}})},
           {op('C') + op(1) + "b", one},
           {text("epoch"), integer(3)},
           {text("lr"), "G" + std::string(8, '\1')},
           {text("losses"), list({integer(1), integer(2)})},
           {text("options"), call("argparse", "Namespace", {}) + dictionary({{text("a"), integer(1)}}) + "b"},
           {text("best"), call("numpy.core.multiarray", "scalar", {call("numpy", "dtype", {text("f8")}), text("x")})},
           {text("device"), call("torch", "device", {text("cpu")})},
           {text("size"), call("torch", "Size", {sizes({1, 2})})}}),
      {{"0", counting(12)}});
  const auto checkpoint = open(file);
  std::vector<std::string> names;
  for (const auto &[name, tensor] : checkpoint->tensors()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"G.conv.weight", "b", "state.-3.0", "state.7.0"}));
  EXPECT_EQ(checkpoint->others(), (std::map<std::string, std::string>{{"best", "a number"},
                                                                      {"device", "a device"},
                                                                      {"epoch", "a number"},
                                                                      {"losses", "a list of 2 values"},
                                                                      {"lr", "a number"},
                                                                      {"options", "a namespace of options"},
                                                                      {"size", "a tuple of 2 values"},
                                                                      {"state.-3.1", "a string"}}));
  EXPECT_EQ(checkpoint->format(), CheckpointFormat::torch_zip);
}

TEST(TorchCheckpoint, OrderedDictionaryOfPython2AndParameters) {
  const std::string one = tensor(kBytes12, 2, {1}, {1});
  const std::string parameter = call("torch._utils", "_rebuild_parameter", {one, boolean(true), ordered({})});
  const std::string early = call("torch._utils", "_rebuild_tensor", {kBytes12, integer(4), sizes({1}), sizes({1})});
  const std::string typed =
      call("torch._tensor", "_rebuild_from_type_v2",
           {global("torch._utils", "_rebuild_parameter"), global("torch.nn.parameter", "Parameter"),
            tuple({one, boolean(true), ordered({})}), dictionary({})});
  const std::string pairs =
      list({list({python2_text("p"), parameter}), tuple({text("e"), early}), tuple({text("t"), typed})});
  const auto checkpoint =
      open(file_of(call("collections", "OrderedDict", {pairs}) + dictionary({{text("_metadata"), ordered({})}}) + "b",
                   {{"0", counting(12)}}));
  EXPECT_EQ(checkpoint->read("p").bytes, bytes_of({2}));
  EXPECT_EQ(checkpoint->read("e").bytes, bytes_of({4}));
  EXPECT_EQ(checkpoint->read("t").bytes, bytes_of({2}));
}

TEST(TorchCheckpoint, OneTensorAlone) {
  EXPECT_EQ(open(file_of(tensor(kBytes12, 2, {1}, {1}), {{"0", counting(12)}}))->read("tensor").bytes, bytes_of({2}));
}

// The storages of torch 1.4 lie in another folder; files without a byte order are little endian.
TEST(TorchCheckpoint, ArchivesOfTorch14) {
  const std::string pickle = pickled(dictionary({{text("w"), tensor(kBytes12, 2, {1}, {1})}}));
  EXPECT_EQ(open(zip_of({{"a/data.pkl", pickle}, {"a/tensors/0", counting(12)}}))->read("w").bytes, bytes_of({2}));
}

TEST(TorchCheckpoint, LegacyStoragesInTheOrderOfTheirList) {
  const std::string view = tuple({text("storage"), global("torch", "ByteStorage"), text("a"), text("cpu"), integer(4),
                                  tuple({text("v"), integer(2), integer(2)})}) +
                           "Q";
  const std::string pickle = pickled(dictionary(
      {{text("x"), tensor(view, 1, {1}, {1})}, {text("y"), tensor(storage("ByteStorage", "b", 2), 0, {2}, {1})}}));
  const auto checkpoint = open(torch_legacy(pickle, {{"b", 2, "\7\10"}, {"a", 4, counting(4)}}));
  EXPECT_EQ(checkpoint->format(), CheckpointFormat::torch_legacy);
  EXPECT_EQ(checkpoint->read("x").bytes, bytes_of({3}));
  EXPECT_EQ(checkpoint->read("y").bytes, bytes_of({7, 8}));
}

// ---- containers that are refused

struct Damaged {
  const char *what;
  std::string file;
  std::string expected;
};
void PrintTo(const Damaged &damaged, std::ostream *out) { *out << damaged.what; }

class DamagedContainer : public ::testing::TestWithParam<Damaged> {};

TEST_P(DamagedContainer, IsRefused) {
  const std::string message = refusal(GetParam().file);
  EXPECT_PRED_FORMAT2(IsSubstring, GetParam().expected, message);
  EXPECT_PRED_FORMAT2(IsSubstring, "t.pth: ", message);
}

const std::string kPickle = pickled(dictionary({{text("w"), tensor(storage("ByteStorage", "0", 4), 0, {4}, {1})}}));

// Sizes of ZIP64, which the directory holds in an extra field; the fields for 32 bits say so.
Member zip64(uint64_t size, uint64_t packed_size) {
  Member member = {"net/data/0", counting(4), 0, 0, 0, 0xffffffff};
  member.packed_size = 0xffffffff;
  member.extra =
      little_endian<uint16_t>(1) + little_endian<uint16_t>(16) + little_endian(size) + little_endian(packed_size);
  return member;
}

const std::string kZip64Refusal = "entry 'net/data/0' has the sizes of a ZIP64 archive, in a file that is none";

// The usual archive, with one member changed or added.
std::string with(const Member &member) {
  std::vector<Member> members = members_of(kPickle, {{"0", counting(4)}});
  for (Member &known : members) {
    if (known.name == member.name) {
      known = member;
      return zip_of(members);
    }
  }
  members.push_back(member);
  return zip_of(members);
}

std::string changed(std::string file, std::size_t at, const std::string &bytes) {
  return file.replace(at, bytes.size(), bytes);
}

std::string damaged_payload() {
  std::string file = torch_zip(kPickle, {{"0", "WXYZ"}});
  file[file.find("WXYZ") + 2] ^= 1;
  return file;
}

INSTANTIATE_TEST_SUITE_P(
    Zip, DamagedContainer,
    ::testing::ValuesIn(std::vector<Damaged>{
        {"no pickle", zip_of({{"a.txt", "x"}}), "none that torch.save wrote: it has no data.pkl in a folder"},
        {"no entries", zip_of({}), "its directory is damaged or cut off"},
        {"pickle without a folder", zip_of({{"data.pkl", kPickle}}), "it has no data.pkl in a folder"},
        {"two pickles", with({"other/data.pkl", kPickle}), "holds two checkpoints, 'net' and 'other/data.pkl'"},
        {"TorchScript", with({"net/constants.pkl", pickled(")")}), "is a TorchScript program, not weights"},
        {"TorchScript code", with({"net/code/net.py", "x", 0, 8}), "save its state_dict()"},
        {"big endian", with({"net/byteorder", "big"}), "its numbers are big endian"},
        {"no byte order", with({"net/byteorder", "middle"}), "its byteorder is 'middle'"},
        {"a long byte order", with({"net/byteorder", std::string(99, 'l')}), "its byteorder is neither"},
        {"storage missing", torch_zip(kPickle), "storage '0' is missing"},
        {"storage short", torch_zip(kPickle, {{"0", "abc"}}), "storage '0' has 3 bytes, 4 are used"},
        {"name twice", zip_of({{"net/data.pkl", kPickle}, {"net/data.pkl", kPickle}}),
         "entry 'net/data.pkl' is there twice"},
        {"absolute", with({"/etc/passwd", "x"}), "entry '/etc/passwd' is an absolute path"},
        {"drive", with({"C:/x", "x"}), "entry 'C:/x' is an absolute path or one of another system"},
        {"backslash", with({"net\\..\\x", "x"}), "or one of another system"},
        {"parent", with({"../x", "x"}), "entry '../x' leaves its folder"},
        {"parent within", with({"net/a/../../../x", "x"}), "leaves its folder"},
        {"NUL in a name", with({std::string("net/a\0b", 7), "x"}), "has NUL in its name"},
        {"long name", with({std::string(2000, 'a'), "x"}), "has a name of 2000 bytes"},
        {"encrypted", with({"net/data/0", counting(4), 1}), "entry 'net/data/0' is encrypted"},
        {"strongly encrypted", with({"net/data/0", counting(4), 0x41}), "is encrypted"},
        {"link", with({"net/data/0", counting(4), 0, 0, 0120777u << 16}), "entry 'net/data/0' is a link"},
        {"compressed storage", with({"net/data/0", counting(4), 0, 8}), "its 'data/0' is compressed"},
        {"compressed pickle", with({"net/data.pkl", kPickle, 0, 8}), "its 'data.pkl' is compressed"},
        {"bzip2", with({"net/data/0", counting(4), 0, 12}), "compressed"},
        {"lying size", with({"net/data/0", counting(4), 0, 0, 0, 1 << 30}),
         "is stored, yet 4 bytes are to give 1073741824"},
        {"zip64 size missing", with({"net/data/0", counting(4), 0, 0, 0, 0xffffffff}), kZip64Refusal},
        {"zip64 sizes beyond the end", with(zip64(uint64_t{1} << 40, uint64_t{1} << 40)), kZip64Refusal},
        {"zip64 sizes that differ", with(zip64(4, uint64_t{1} << 62)), kZip64Refusal},
        {"zip64 sizes near 2^64", with(zip64(~uint64_t{0} - 2, ~uint64_t{0} - 2)), kZip64Refusal},
        {"other name before the data", with({"net/data/0", counting(4), 0, 0, 0, -1, -1, -1, "net/data/123"}),
         "does not agree with the header before its bytes"},
        {"overlapping", with({"net/data/1", counting(4), 0, 0, 0, -1, -1, 0}),
         "t.pth: not a zip archive of torch: entry"},
        {"offset beyond the end", with({"net/x", "x", 0, 0, 0, -1, -1, 1 << 30}), "entry 'net/x' does not agree"},
        {"more entries than there are", zip_of(members_of(kPickle, {}), 9), "is damaged"},
        {"pickle damaged", with({"net/data.pkl", kPickle, 0, 0, 0, -1, 1}), "data.pkl is damaged: checksum"},
        {"payload damaged", damaged_payload(), "tensor 'w': the bytes of its storage '0' are damaged: checksum"},
        {"something before", zip_of({{"x", "y"}}) + torch_zip(kPickle, {{"0", counting(4)}}),
         "t.pth: not a zip archive"},
        {"end cut off", torch_zip(kPickle).substr(0, 150), "its directory is damaged or cut off"},
    }));

std::string tar() { return changed(std::string(512, '\0'), 257, "ustar  "); }

INSTANTIATE_TEST_SUITE_P(
    Legacy, DamagedContainer,
    ::testing::ValuesIn(std::vector<Damaged>{
        {"tar", tar(), "is a tar archive, as torch 0.1 wrote them"},
        {"protocol 0", "L119547037146038801333356L\n.I1001\n.", "is a pickle of protocol 0 or 1"},
        {"another pickle", pickled(text("x")), "is a pickle, but none that torch.save wrote"},
        {"another magic number", pickled(op(0x8a) + op(10) + "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x18"),
         "no magic number"},
        {"another protocol", legacy_head().substr(0, 15) + pickled("K\1"), "its protocol is not 1001"},
        {"system no dictionary", legacy_head().substr(0, 21) + pickled("]"),
         "description of the system is no dictionary"},
        {"system silent", legacy_head().substr(0, 21) + pickled("}"), "says nothing about the byte order"},
        {"big endian", legacy_head(false), "its numbers are big endian"},
        {"head only", legacy_head(), "the object is cut off"},
        {"no list", legacy_head() + kPickle, "the list of storages is cut off"},
        {"list no list", legacy_head() + kPickle + pickled("}"), "its list of storages is no list"},
        {"list of numbers", legacy_head() + kPickle + pickled(list({integer(0)})), "holds something that is no key"},
        {"storage not listed", torch_legacy(kPickle, {}), "0 storages are listed, its tensors lie in 1"},
        {"storage unknown", torch_legacy(kPickle, {{"9", 4, "abcd"}}), "storage '9' belongs to no tensor"},
        {"storage twice", torch_legacy(kPickle, {{"0", 4, "abcd"}, {"0", 4, "abcd"}}), "storage '0' is there twice"},
        {"storage smaller", torch_legacy(kPickle, {{"0", 3, "abc"}}),
         "has 3 elements where it lies, 4 where it is used"},
        {"storage negative", torch_legacy(kPickle, {{"0", -4, "abcd"}}), "elements where it lies"},
        {"storage cut off", torch_legacy(kPickle, {{"0", 4, "abc"}}), "storage '0' of 4 bytes is cut off"},
        {"count cut off",
         torch_legacy(kPickle, {{"0", 4, ""}}).substr(0, torch_legacy(kPickle, {{"0", 4, ""}}).size() - 3),
         "storage '0' of 4 bytes is cut off"},
        {"bytes after the last", torch_legacy(kPickle, {{"0", 4, "abcdef"}}), "2 bytes follow its last storage"},
    }));

// ---- the fixtures, optional

TEST(TorchCheckpoint, AllContainersHoldTheSameTensors) {
  const char *named = std::getenv("SLUICE_SHARED");
  const std::filesystem::path folder =
      (named != nullptr ? std::filesystem::path(named) : source_dir() / "../shared") / "fixtures";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "the fixtures in every container are not in the repository: set SLUICE_SHARED to their folder";
  }
  for (const char *stem : {"deepfill2/cnum8", "sketchfill/shape_generator", "sketchfill/appearance_generator",
                           "sketchfill/appearance_discriminator", "dfn/steerable", "dfn/video", "guidenet/gns"}) {
    const TensorMap expected = read_all(*open_checkpoint(folder / (std::string(stem) + ".safetensors"))).tensors;
    for (const char *kind : {".zip.pth", ".legacy.pth"}) {
      if (!std::filesystem::exists(folder / (std::string(stem) + kind))) continue;
      TensorMap read;
      for (auto &[name, tensor] : read_all(*open_checkpoint(folder / (std::string(stem) + kind))).tensors) {
        const std::size_t top = name.starts_with("G.") ? 2 : name.starts_with("net.module.") ? 11 : 0;
        read[name.substr(top)] = tensor;
      }
      EXPECT_TRUE(read == expected) << stem << kind;
    }
  }
}

TEST(DamagedContainers, AreAsManyAsSecurityMdSays) { EXPECT_GE(test::table_size("DamagedContainer"), 55); }

}  // namespace
}  // namespace sluice
