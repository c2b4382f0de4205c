// SPDX-License-Identifier: Apache-2.0
// safetensors: what is written is read back, and every way a file can be wrong is refused with its reason.
#include "weights_io/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <ostream>

#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using ::testing::IsSubstring;
namespace fs = std::filesystem;

using test::Bytes;
using test::Folder;
using test::message_of;
using test::put;

std::string refusal(const Bytes &file) {
  return message_of(ErrorCode::bad_file, [&] { parse_safetensors(file, "t.safetensors"); });
}

Bytes file_with_length(uint64_t length, const std::string &header, std::size_t payload_bytes) {
  Bytes file(8 + header.size() + payload_bytes);
  std::memcpy(file.data(), &length, 8);
  std::memcpy(file.data() + 8, header.data(), header.size());
  return file;
}

Bytes file_of(const std::string &header, std::size_t payload_bytes) {
  return file_with_length(header.size(), header, payload_bytes);
}

Archive sample() {
  Archive archive;
  const float numbers[6] = {1, -2.5f, 3, 4, 5, 6};
  archive.tensors["conv1.weight"] = StoredTensor::of_f32({2, 3}, numbers);
  archive.tensors["labels"] = {DType::i64, {2}, Bytes(16, std::byte{7})};
  archive.tensors["scalar"] = StoredTensor::of_f32({}, numbers);
  archive.tensors["none"] = StoredTensor::of_f32({4, 0});
  archive.metadata = {{"model", "deepfill2"}, {"note", "Grüße \"quoted\" \n"}};
  return archive;
}

TEST(Safetensors, RoundTripInMemory) {
  const Archive read = parse_safetensors(serialize_safetensors(sample()), "t");
  EXPECT_EQ(read.tensors, sample().tensors);
  EXPECT_EQ(read.metadata, sample().metadata);
}

TEST(Safetensors, RoundTripOfEveryType) {
  Archive archive;
  for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16,
                            DType::i8, DType::u8, DType::boolean}) {
    archive.tensors[name(dtype)] = {dtype, {3}, Bytes(3 * size_bytes(dtype), std::byte{1})};
  }
  ASSERT_EQ(archive.tensors.size(), 10u);
  EXPECT_EQ(parse_safetensors(serialize_safetensors(archive), "t").tensors, archive.tensors);
}

TEST(Safetensors, LayoutOfTheFile) {
  Archive archive;
  const float one = 1;
  archive.tensors["b"] = StoredTensor::of_f32({1}, &one);
  archive.tensors["a"] = {DType::u8, {3}, Bytes(3, std::byte{9})};
  const Bytes file = serialize_safetensors(archive);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  const std::string header(reinterpret_cast<const char *>(file.data()) + 8, length);
  EXPECT_EQ(header.substr(0, header.find_last_not_of(' ') + 1),
            R"({"a":{"data_offsets":[0,3],"dtype":"U8","shape":[3]},)"
            R"("b":{"data_offsets":[3,7],"dtype":"F32","shape":[1]}})");
  EXPECT_EQ(file.size(), 8 + length + 7);
}

TEST(Safetensors, AcceptsWhatTheFormatAllows) {
  EXPECT_TRUE(parse_safetensors(file_of("{}", 0), "t").tensors.empty());
  EXPECT_TRUE(parse_safetensors(file_of("{}      ", 0), "t").tensors.empty());
  // In the file in another order than by offset, an empty tensor between two others, spaces inside, rank 0 and 8.
  const Archive read =
      parse_safetensors(file_of(R"({ "z":{"dtype":"U8","shape":[1,1,1,1,1,1,1,2],"data_offsets":[0,2]},)"
                                R"("a":{"shape":[],"data_offsets":[2,3],"dtype":"I8"},)"
                                R"("e":{"dtype":"F64","shape":[0,9],"data_offsets":[2,2]}})",
                                3),
                        "t");
  EXPECT_EQ(read.tensors.size(), 3u);
  EXPECT_EQ(read.tensors.at("e").elements(), 0);
  EXPECT_EQ(read.tensors.at("a").elements(), 1);
}

TEST(Safetensors, NotANumberIsAllowed) {
  const float values[2] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
  Archive archive;
  archive.tensors["x"] = StoredTensor::of_f32({2}, values);
  EXPECT_EQ(parse_safetensors(serialize_safetensors(archive), "t").tensors, archive.tensors);
}

struct Malformed {
  const char *what;
  const char *header;
  std::size_t payload;
  const char *reason;
};

void PrintTo(const Malformed &malformed, std::ostream *out) { *out << malformed.header; }

class SafetensorsMalformed : public ::testing::TestWithParam<Malformed> {};

TEST_P(SafetensorsMalformed, IsRefusedWithItsReason) {
  const std::string message = refusal(file_of(GetParam().header, GetParam().payload));
  EXPECT_PRED_FORMAT2(IsSubstring, "t.safetensors: not a valid safetensors file: ", message);
  EXPECT_PRED_FORMAT2(IsSubstring, GetParam().reason, message);
}

const Malformed kMalformed[] = {
    {"EmptyHeader", "", 0, "does not begin with '{'"},
    {"LeadingSpace", " {}", 0, "does not begin with '{'"},
    {"ByteOrderMark", "\xef\xbb\xbf{}", 0, "does not begin with '{'"},
    {"Array", "[]", 0, "does not begin with '{'"},
    {"TrailingNewline", "{}\n", 0, "does not end with '}'"},
    {"TrailingJunk", "{} x", 0, "does not end with '}'"},
    {"TwoObjects", "{}{}", 0, "not valid JSON"},
    {"Unclosed", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})", 0, "not valid JSON"},
    {"NotJson", "{hello}", 0, "not valid JSON"},
    {"Comment", "{/**/}", 0, "not valid JSON"},
    {"TrailingComma", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},})", 0, "not valid JSON"},
    {"NotUtf8", "{\"\xff\":{}}", 0, "not valid UTF-8"},
    {"OverlongUtf8", "{\"\xc0\xaf\":{}}", 0, "not valid UTF-8"},
    {"SurrogateUtf8", "{\"\xed\xa0\x80\":{}}", 0, "not valid UTF-8"},
    {"EscapedSurrogate", R"({"\ud800":{}})", 0, "not valid JSON"},
    {"DeepNesting", R"({"a":{"b":{"c":{}}}})", 0, "tensor 'a': unknown key 'b'"},
    {"NestedArray", R"({"a":{"shape":[[1]]}})", 0, "'shape' holds an array"},
    {"ObjectInTensor", R"({"a":{"dtype":{}}})", 0, "'dtype' holds an object"},
    {"TensorIsNumber", R"({"a":1})", 0, "'a' is a number, not an object"},
    {"TensorIsNull", R"({"a":null})", 0, "'a' is null, not an object"},
    {"DuplicateTensor",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2,
     "duplicate tensor 'a'"},
    {"DuplicateField", R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0,
     "duplicate key 'dtype'"},
    {"DuplicateMetadata", R"({"__metadata__":{},"__metadata__":{}})", 0, "duplicate key '__metadata__'"},
    {"DuplicateMetadataKey", R"({"__metadata__":{"k":"1","k":"1"}})", 0, "duplicate key 'k' in __metadata__"},
    {"MetadataNumber", R"({"__metadata__":{"k":1}})", 0, "__metadata__ 'k' is a number, not a string"},
    {"MetadataNested", R"({"__metadata__":{"k":{}}})", 0, "__metadata__ 'k' is an object, not a string"},
    {"MetadataIsString", R"({"__metadata__":"k"})", 0, "'__metadata__' is a string, not an object"},
    {"MetadataIsArray", R"({"__metadata__":[]})", 0, "'__metadata__' is an array, not an object"},
    {"EmptyName", R"({"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0, "empty name"},
    {"NulInName", R"({"a\u0000b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0, "'a\\x00b': NUL in a name"},
    {"UnknownField", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1}})", 0, "unknown key 'more'"},
    {"NoType", R"({"a":{"shape":[0],"data_offsets":[0,0]}})", 0, "not all there"},
    {"NoShape", R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", 0, "not all there"},
    {"NoOffsets", R"({"a":{"dtype":"U8","shape":[0]}})", 0, "not all there"},
    {"EmptyTensor", R"({"a":{}})", 0, "tensor 'a': dtype, shape and data_offsets are not all there"},
    {"UnknownType", R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1,
     "tensor 'a': unknown dtype 'F8_E4M3'"},
    {"LowerCaseType", R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4, "unknown dtype 'f32'"},
    {"TypeIsNumber", R"({"a":{"dtype":1}})", 0, "'dtype' holds a number"},
    {"TypeIsArray", R"({"a":{"dtype":[]}})", 0, "'dtype' holds an array"},
    {"ShapeIsString", R"({"a":{"shape":"1"}})", 0, "'shape' holds a string"},
    {"ShapeOfStrings", R"({"a":{"shape":["1"]}})", 0, "'shape' holds a string"},
    {"NegativeExtent", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "holds a negative number"},
    {"FractionalExtent", R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, "no 64-bit integer"},
    {"HugeExtent", R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}})", 1,
     "no 64-bit integer"},
    {"ExtentBeyondInt64", R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}})", 1,
     "an extent overflows"},
    {"BooleanExtent", R"({"a":{"dtype":"U8","shape":[true],"data_offsets":[0,1]}})", 1, "holds a boolean"},
    {"Rank9", R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1, "more than 8 dimensions"},
    {"ElementsOverflow", R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
     "the number of elements of shape [4294967296, 4294967296] overflows"},
    {"BytesOverflow", R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0,
     "the size of shape [4611686018427387904] as F64 overflows"},
    {"OneOffset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, "fewer than two"},
    {"ThreeOffsets", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}})", 1, "more than two"},
    {"NegativeOffset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", 1, "holds a negative number"},
    {"OffsetsBackwards", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "run backwards"},
    {"FirstOffsetNotZero", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, "1 bytes before it"},
    {"Hole",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})", 4,
     "tensor 'b': 2 bytes before it belong to no tensor"},
    {"Overlap",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3,
     "tensor 'b': overlaps"},
    {"SameBytesTwice",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2,
     "tensor 'b': overlaps"},
    {"BeyondTheFile", R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 8, "ends at byte 9 of 8"},
    {"OffsetsNear2To64",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}})", 1,
     "ends at byte 18446744073709551615 of 1"},
    {"TrailingBytes", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2, "1 bytes after the last tensor"},
    {"PayloadWithoutTensors", "{}", 1, "1 bytes after the last tensor"},
    {"SizeMismatch", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
     "tensor 'a': shape [2] as F32 takes 8 bytes, data_offsets give 4"},
    {"ZeroExtentWithBytes", R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,4]}})", 4, "takes 0 bytes"},
    {"ChecksumOfNothing", R"({"__metadata__":{"crc32.b":"00000000"}})", 0, "checksum for tensor 'b'"},
    {"ChecksumMalformed", R"({"__metadata__":{"crc32.a":"0"},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0,
     "tensor 'a': checksum '0' is not eight hexadecimal digits"},
};

INSTANTIATE_TEST_SUITE_P(All, SafetensorsMalformed, ::testing::ValuesIn(kMalformed),
                         [](const auto &instance) { return std::string(instance.param.what); });

TEST(Safetensors, NulInTheHeaderIsRefused) {
  // The JSON library stops at a NUL as at the end, so the junk behind it would be accepted.
  EXPECT_PRED_FORMAT2(IsSubstring, "holds a NUL byte", refusal(file_of(std::string("{}\0{}", 5), 0)));
}

TEST(Safetensors, TooLongNameIsRefused) {
  const auto header = [](std::size_t bytes) {
    return R"({")" + std::string(bytes, 'n') + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
  };
  EXPECT_EQ(parse_safetensors(file_of(header(4096), 0), "t").tensors.size(), 1u);
  const std::string message = refusal(file_of(header(4097), 0));
  EXPECT_PRED_FORMAT2(IsSubstring, "a name of 4097 bytes", message);
  EXPECT_LT(message.size(), 300u);  // the message does not repeat it in full
}

TEST(Safetensors, BadHeaderLengthIsRefused) {
  EXPECT_PRED_FORMAT2(IsSubstring, "0 bytes are too few", refusal({}));
  EXPECT_PRED_FORMAT2(IsSubstring, "7 bytes are too few", refusal(Bytes(7)));
  EXPECT_PRED_FORMAT2(IsSubstring, "a header of 3 bytes in a file of 10", refusal(file_with_length(3, "{}", 0)));
  EXPECT_PRED_FORMAT2(IsSubstring, "a header of 4000000 bytes in a file of 10",
                      refusal(file_with_length(4'000'000, "{}", 0)));
  EXPECT_PRED_FORMAT2(IsSubstring, "at most 4000000 are accepted", refusal(file_with_length(4'000'001, "{}", 0)));
  EXPECT_PRED_FORMAT2(IsSubstring, "at most 4000000 are accepted", refusal(file_with_length(~uint64_t{0}, "{}", 0)));
  EXPECT_PRED_FORMAT2(IsSubstring, "does not end with '}'", refusal(file_with_length(1, "{}", 0)));
}

TEST(Safetensors, DeepNestingIsRefusedAtOnce) {
  const std::string opens(1'000'000, '{');
  EXPECT_PRED_FORMAT2(IsSubstring, "not valid JSON", refusal(file_of(opens + "}", 0)));
  const std::string arrays = R"({"a":{"shape":)" + std::string(1'000'000, '[') + "}";
  EXPECT_PRED_FORMAT2(IsSubstring, "'shape' holds an array", refusal(file_of(arrays, 0)));
}

TEST(Safetensors, TooManyTensorsAreRefused) {
  std::string header = "{";
  for (int i = 0; i <= 25'000; ++i) {
    header += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  EXPECT_PRED_FORMAT2(IsSubstring, "more than 25000 tensors", refusal(file_of(header + "}", 0)));
}

TEST(Safetensors, EveryPrefixIsRefused) {
  const Bytes file = serialize_safetensors(sample());
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_THROW(parse_safetensors(std::span(file).first(size), "t"), Error) << size;
  }
}

TEST(Safetensors, EveryFlippedBitOfThePayloadIsRefused) {
  const Bytes whole = serialize_safetensors(sample(), {.checksums = true});
  uint64_t length = 0;
  std::memcpy(&length, whole.data(), 8);
  ASSERT_NO_THROW(parse_safetensors(whole, "t"));
  std::size_t tried = 0;
  for (std::size_t i = 8 + length; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit, ++tried) {
      Bytes damaged = whole;
      damaged[i] ^= std::byte{1} << bit;
      EXPECT_PRED_FORMAT2(IsSubstring, "its bytes are damaged", refusal(damaged));
    }
  }
  EXPECT_EQ(tried, 8u * (24 + 16 + 4));
}

TEST(Safetensors, DamageNamesTheTensor) {
  Bytes file = serialize_safetensors(sample(), {.checksums = true});
  file.back() ^= std::byte{1};  // "scalar" is the last by name
  EXPECT_PRED_FORMAT2(IsSubstring, "t.safetensors: not a valid safetensors file: tensor 'scalar': its bytes",
                      refusal(file));
}

TEST(Safetensors, EverySubstitutedByteOfTheHeaderIsRefusedOrHarmless) {
  Archive archive;
  const float numbers[2] = {1, 2};
  archive.tensors["w"] = StoredTensor::of_f32({2}, numbers);
  archive.metadata["k"] = "v";
  const Bytes whole = serialize_safetensors(archive, {.checksums = true});
  std::size_t refused = 0, harmless = 0;
  for (std::size_t i = 0; i < whole.size() - 8; ++i) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = whole;
      changed[i] = static_cast<std::byte>(value);
      try {
        const Archive read = parse_safetensors(changed, "t");
        ASSERT_EQ(read.tensors.size(), 1u);
        // F32 may have become I32, which has the same size and is refused where numbers are asked for.
        EXPECT_EQ(read.tensors.at("w").bytes, archive.tensors.at("w").bytes) << "byte " << i << " = " << value;
        EXPECT_EQ(read.tensors.at("w").shape, archive.tensors.at("w").shape) << "byte " << i << " = " << value;
        ++harmless;
      } catch (const Error &error) {
        EXPECT_EQ(error.code(), ErrorCode::bad_file);
        ++refused;
      }
    }
  }
  EXPECT_GE(harmless, whole.size() - 8);  // every byte by itself
  EXPECT_GT(refused, 200 * (whole.size() - 8) / 2);
}

TEST(Safetensors, ChecksumsBelongToTheWriter) {
  Archive archive = sample();
  archive.metadata["crc32.scalar"] = "00000000";
  archive.metadata["crc32.gone"] = "00000000";
  EXPECT_EQ(parse_safetensors(serialize_safetensors(archive), "t").metadata, sample().metadata);
  const Archive read = parse_safetensors(serialize_safetensors(archive, {.checksums = true}), "t");
  EXPECT_EQ(read.metadata.size(), 2 + 4 + 1u);
  EXPECT_EQ(read.metadata.at("crc32.none"), "00000000");
  Archive known;  // the check value of CRC-32
  known.tensors["x"] = {DType::u8, {9}, Bytes(9)};
  std::memcpy(known.tensors["x"].bytes.data(), "123456789", 9);
  EXPECT_EQ(parse_safetensors(serialize_safetensors(known, {.checksums = true}), "t").metadata.at("crc32.x"),
            "cbf43926");
}

TEST(Safetensors, RefusesToWriteWhatCannotBeRead) {
  const auto writing = [](const std::string &name, StoredTensor tensor) {
    Archive archive;
    archive.tensors[name] = std::move(tensor);
    return message_of(ErrorCode::bad_file, [&] { serialize_safetensors(archive); });
  };
  const StoredTensor fine = StoredTensor::of_f32({1});
  EXPECT_PRED_FORMAT2(IsSubstring, "empty name", writing("", fine));
  EXPECT_PRED_FORMAT2(IsSubstring, "reserved", writing("__metadata__", fine));
  EXPECT_PRED_FORMAT2(IsSubstring, "not valid UTF-8", writing("\xff", fine));
  EXPECT_PRED_FORMAT2(IsSubstring, "NUL", writing(std::string("a\0", 2), fine));
  EXPECT_PRED_FORMAT2(IsSubstring, "more than 8", writing("a", StoredTensor::of_f32({1, 1, 1, 1, 1, 1, 1, 1, 1})));
  EXPECT_PRED_FORMAT2(IsSubstring, "shape [2] as F32 does not take 4 bytes", writing("a", {DType::f32, {2}, Bytes(4)}));
  EXPECT_PRED_FORMAT2(IsSubstring, "does not take 5 bytes", writing("a", {DType::f32, {1}, Bytes(5)}));
  EXPECT_PRED_FORMAT2(IsSubstring, "negative", writing("a", {DType::f32, {-1}, {}}));
  Archive archive;
  archive.metadata["k"] = "\xff";
  EXPECT_PRED_FORMAT2(IsSubstring, "metadata 'k'",
                      message_of(ErrorCode::bad_file, [&] { serialize_safetensors(archive); }));
}

TEST(Safetensors, FilesAreReadAsMemoryIs) {
  const Folder folder;
  const fs::path path = folder / "w.safetensors";
  write_safetensors(path, sample());
  EXPECT_EQ(folder.entries(), 1u);  // no temporary file stays
  EXPECT_EQ(fs::file_size(path), serialize_safetensors(sample()).size());
  const Archive read = read_safetensors(path);
  EXPECT_EQ(read.tensors, sample().tensors);
  EXPECT_EQ(read.metadata, sample().metadata);
  Bytes file = serialize_safetensors(sample(), {.checksums = true});
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{8}, file.size() / 2, file.size() - 1}) {
    put(path, Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_PRED_FORMAT2(IsSubstring, path.string(), message_of(ErrorCode::bad_file, [&] { read_safetensors(path); }));
  }
  file.back() ^= std::byte{1};
  put(path, file);
  EXPECT_PRED_FORMAT2(IsSubstring, "'scalar': its bytes are",
                      message_of(ErrorCode::bad_file, [&] { read_safetensors(path); }));
}

TEST(Safetensors, AbsentAndIrregularFiles) {
  const Folder folder;
  const fs::path path = folder / "w.safetensors";
  EXPECT_PRED_FORMAT2(IsSubstring, path.string(), message_of(ErrorCode::not_found, [&] { read_safetensors(path); }));
  EXPECT_PRED_FORMAT2(IsSubstring, "not a regular file",
                      message_of(ErrorCode::bad_file, [&] { read_safetensors(folder.path()); }));
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_PRED_FORMAT2(IsSubstring, "not a regular file",
                      message_of(ErrorCode::bad_file, [&] { read_safetensors(path); }));
}

TEST(Safetensors, AFailedWriteLeavesWhatWasThere) {
  const Folder folder;
  const fs::path path = folder / "w.safetensors";
  write_safetensors(path, sample());
  Archive bad = sample();
  bad.tensors["bad"] = {DType::f32, {2}, Bytes(4)};
  EXPECT_THROW(write_safetensors(path, bad), Error);
  EXPECT_EQ(read_safetensors(path).tensors, sample().tensors);
  message_of(ErrorCode::input_failed, [&] { write_safetensors(folder / "absent/w", sample()); });
  message_of(ErrorCode::input_failed, [&] { write_safetensors(folder.path(), sample()); });
  EXPECT_EQ(folder.entries(), 1u);
}

}  // namespace
}  // namespace sluice
