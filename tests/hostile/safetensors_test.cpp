// SPDX-License-Identifier: Apache-2.0
// Malformed safetensors files beyond those of tests/weights_io/safetensors_test.cpp, and the text by which each is
// refused.
#include "weights_io/safetensors.h"

#include <fmt/format.h>

#include "tests/hostile/malformed.h"

namespace sluice::hostile {
namespace {

std::string file_of(const std::string &header, const std::string &payload = "") {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>(uint64_t{header.size()} >> shift);
  return file + header + payload;
}

Malformed bad(const std::string &what, const std::string &file, const std::string &reason) {
  return {what, file, "t: not a valid safetensors file: " + reason};
}

const Pairs kValues = {
    {"True", "the header is not valid JSON at byte 16"},     {"NaN", "the header is not valid JSON at byte 16"},
    {"Infinity", "the header is not valid JSON at byte 16"}, {"-", "the header is not valid JSON at byte 17"},
    {"+1", "the header is not valid JSON at byte 16"},       {"01", "the header is not valid JSON at byte 17"},
    {"1.", "the header is not valid JSON at byte 18"},       {".5", "the header is not valid JSON at byte 16"},
    {"1e", "the header is not valid JSON at byte 18"},       {"0x1", "the header is not valid JSON at byte 17"},
    {"1_0", "the header is not valid JSON at byte 17"},      {"undefined", "the header is not valid JSON at byte 16"}};

Rows json_rows() {
  const auto header = [](const std::string &text) { return file_of("{" + text + "}"); };
  const std::string a = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  Rows rows = {
      bad("TextFile", "this is a text file, as one sees at once\n",
          "a header of 2338328219631577204 bytes, at most 4000000 are accepted"),
      bad("Zip", "PK\x03\x04" + std::string(60, '\0'), "a header of 67324752 bytes, at most 4000000 are accepted"),
      bad("Pickle", "\x80\x02}q\x01." + std::string(20, 'x'),
          "a header of 8680738865490494080 bytes, at most 4000000 are accepted"),
      bad("Zeros", std::string(64, '\0'), "the header does not begin with '{'"),
      bad("Ones", std::string(64, '\xff'), "a header of 18446744073709551615 bytes, at most 4000000 are accepted"),
      bad("BigEndianLength", std::string("\0\0\0\0\0\0\0\2{}", 10),
          "a header of 144115188075855872 bytes, at most 4000000 are accepted"),
      bad("LengthWithTheHighestBit", std::string("\2\0\0\0\0\0\0\x80{}", 10),
          "a header of 9223372036854775810 bytes, at most 4000000 are accepted"),
      bad("Utf16", file_of(std::string("{\0}\0", 4)), "the header does not end with '}' and spaces"),
      bad("DuplicateByEscape", header(a + R"(,"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})"),
          "duplicate tensor 'a'"),
      bad("DuplicateFieldByEscape", header(R"("a":{"dtype":"U8","\u0064type":"U8","shape":[0],"data_offsets":[0,0]})"),
          "tensor 'a': duplicate key 'dtype'"),
      bad("LowSurrogateAlone", header(R"("\udc00":{})"), "the header is not valid JSON at byte 8"),
      bad("SurrogatesSwapped", header(R"("\udc00\ud800":{})"), "the header is not valid JSON at byte 8"),
      bad("EscapeX", header(R"("\x61":{})"), "the header is not valid JSON at byte 4"),
      bad("EscapeCutOff", header(R"("\u00")"), "the header is not valid JSON at byte 7"),
      bad("TabInAName", header("\"a\tb\":{}"), "the header is not valid JSON at byte 4"),
      bad("NewlineInAName", header("\"a\nb\":{}"), "the header is not valid JSON at byte 4"),
      bad("SingleQuotes", header("'a':{}"), "the header is not valid JSON at byte 2"),
      bad("NoQuotes", header("a:{}"), "the header is not valid JSON at byte 2"),
      bad("NoColon", header(R"("a"{})"), "the header is not valid JSON at byte 5"),
      bad("TwoColons", header(R"("a"::{})"), "the header is not valid JSON at byte 6"),
      bad("NoComma", header(a + a), "the header is not valid JSON at byte 55"),
      bad("TwoCommas", header(a + ",,"), "the header is not valid JSON at byte 54"),
      bad("CommaFirst", header("," + a), "the header is not valid JSON at byte 2"),
      bad("StringWithoutEnd", header(R"("a)"), "the header is not valid JSON at byte 5"),
      bad("ValueMissing", header(R"("a":)"), "the header is not valid JSON at byte 6"),
      bad("KeyIsANumber", header("1:{}"), "the header is not valid JSON at byte 2"),
      bad("ExtraBrace", file_of("{}}"), "the header is not valid JSON at byte 3"),
      bad("FormFeed", file_of("{\f}"), "the header is not valid JSON at byte 2"),
      bad("VerticalTab", file_of("{\v}"), "the header is not valid JSON at byte 2"),
      bad("SpaceOfUnicode", file_of("{\xc2\xa0}"), "the header is not valid JSON at byte 2"),
      bad("MarkInside", file_of("{\xef\xbb\xbf}"), "the header is not valid JSON at byte 2"),
      bad("AnotherHeaderBehind", file_of("{} {}"), "the header is not valid JSON at byte 4"),
      bad("OnlyABrace", file_of("{"), "the header does not end with '}' and spaces"),
      bad("OnlyABraceAtTheEnd", file_of("}"), "the header does not begin with '{'"),
      bad("OnlySpaces", file_of("        "), "the header does not begin with '{'"),
  };
  for (const auto &[word, reason] : kValues) {
    rows.push_back(bad(std::string("Value ") + word, header(std::string(R"("a":{"shape":[)") + word + "]}"), reason));
  }
  return rows;
}

Rows type_rows() {
  const auto tensor = [](const std::string &fields) { return file_of(R"({"a":{)" + fields + "}}", "12345678"); };
  Rows rows = {
      bad("TypeIsNull", tensor(R"("dtype":null)"), "tensor 'a': 'dtype' holds null"),
      bad("TypeIsFalse", tensor(R"("dtype":false)"), "tensor 'a': 'dtype' holds a boolean"),
      bad("TypeIsEmpty", tensor(R"("dtype":"")"), "tensor 'a': unknown dtype ''"),
      bad("TypeWithNul", tensor(R"("dtype":"U8\u0000")"), "tensor 'a': unknown dtype 'U8\\x00'"),
      bad("TypeWithSpace", tensor(R"("dtype":"F32 ")"), "tensor 'a': unknown dtype 'F32 '"),
      bad("TypeOfAMegabyte", tensor(R"("dtype":")" + std::string(1 << 20, 'F') + "\""),
          "tensor 'a': unknown dtype "
          "'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF...'"),
      bad("ShapeIsNull", tensor(R"("shape":null)"), "tensor 'a': 'shape' holds null"),
      bad("ShapeIsANumber", tensor(R"("shape":8)"), "tensor 'a': 'shape' holds a number"),
      bad("ShapeIsAnObject", tensor(R"("shape":{})"), "tensor 'a': 'shape' holds an object"),
      bad("ShapeOfNull", tensor(R"("shape":[null])"), "tensor 'a': 'shape' holds null"),
      bad("ShapeOfObjects", tensor(R"("shape":[{}])"), "tensor 'a': 'shape' holds an object"),
      bad("ExtentMinusZero", tensor(R"("dtype":"U8","shape":[-0],"data_offsets":[0,8])"),
          "tensor 'a': 'shape' holds a negative number"),
      bad("ExtentWithExponent", tensor(R"("shape":[1e2])"),
          "tensor 'a': 'shape' holds a number that is no 64-bit integer"),
      bad("ExtentBelowInt64", tensor(R"("shape":[-9223372036854775809])"),
          "tensor 'a': 'shape' holds a number that is no 64-bit integer"),
      bad("ExtentOf1000Digits", tensor(R"("shape":[)" + std::string(1000, '9') + "]"),
          "the header is not valid JSON at byte 1015"),
      bad("OffsetsAreNull", tensor(R"("data_offsets":null)"), "tensor 'a': 'data_offsets' holds null"),
      bad("OffsetsAreAString", tensor(R"("data_offsets":"0,8")"), "tensor 'a': 'data_offsets' holds a string"),
      bad("OffsetsAreAnObject", tensor(R"("data_offsets":{"begin":0})"), "tensor 'a': 'data_offsets' holds an object"),
      bad("OffsetsAreNested", tensor(R"("data_offsets":[[0,8]])"), "tensor 'a': 'data_offsets' holds an array"),
      bad("OffsetsAreEmpty", tensor(R"("data_offsets":[])"), "tensor 'a': data_offsets has fewer than two numbers"),
      bad("OffsetIsReal", tensor(R"("data_offsets":[0,8.0])"),
          "tensor 'a': 'data_offsets' holds a number that is no 64-bit integer"),
      bad("OffsetIsTrue", tensor(R"("data_offsets":[0,true])"), "tensor 'a': 'data_offsets' holds a boolean"),
      bad("OffsetBeyond64Bits", tensor(R"("data_offsets":[0,18446744073709551616])"),
          "tensor 'a': 'data_offsets' holds a number that is no 64-bit integer"),
  };
  for (const char *type : {"U16", "U32", "U64", "F8_E5M2", "F4", "C64", "f64", "FLOAT", "I128"}) {
    rows.push_back(bad(std::string("Type") + type,
                       tensor(std::string(R"("dtype":")") + type + R"(","shape":[1],"data_offsets":[0,8])"),
                       fmt::format("tensor 'a': unknown dtype '{}'", type)));
  }
  return rows;
}

Rows layout_rows() {
  const auto tensor = [](const std::string &name, const std::string &dtype, const std::string &shape, uint64_t begin,
                         uint64_t end) {
    return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
           std::to_string(begin) + "," + std::to_string(end) + "]}";
  };
  const auto one = [&](const std::string &dtype, const std::string &shape, uint64_t begin, uint64_t end) {
    return file_of("{" + tensor("a", dtype, shape, begin, end) + "}", "12345678");
  };
  const auto two = [&](const std::string &first, const std::string &second) {
    return file_of("{" + first + "," + second + "}", "12345678");
  };
  return {
      bad("DoublesOf7Bytes", one("F64", "[1]", 0, 7),
          "tensor 'a': shape [1] as F64 takes 8 bytes, data_offsets give 7"),
      bad("HalvesOf3Bytes", one("F16", "[2]", 0, 3), "tensor 'a': shape [2] as F16 takes 4 bytes, data_offsets give 3"),
      bad("ScalarOf8Bytes", one("F32", "[]", 0, 8), "tensor 'a': shape [] as F32 takes 4 bytes, data_offsets give 8"),
      bad("ExtentBehindAZeroOverflows", one("U8", "[0,4611686018427387904,4611686018427387904]", 0, 0),
          "tensor 'a': the number of elements of shape [0, 4611686018427387904, 4611686018427387904] overflows"),
      bad("EightExtentsOverflow", one("U8", "[256,256,256,256,256,256,256,256]", 0, 8),
          "tensor 'a': the number of elements of shape [256, 256, 256, 256, 256, 256, 256, 256] overflows"),
      bad("ByteMore", one("U8", "[9]", 0, 8), "tensor 'a': shape [9] as U8 takes 9 bytes, data_offsets give 8"),
      bad("EmptyBehindTheEnd", two(tensor("a", "U8", "[8]", 0, 8), tensor("b", "U8", "[0]", 9, 9)),
          "tensor 'b': ends at byte 9 of 8 bytes of data"),
      bad("EmptyInsideAnother", two(tensor("a", "U8", "[8]", 0, 8), tensor("b", "U8", "[0]", 4, 4)),
          "tensor 'b': overlaps the tensor before it"),
      bad("OneInsideAnother", two(tensor("a", "U8", "[8]", 0, 8), tensor("b", "U8", "[2]", 2, 4)),
          "tensor 'b': overlaps the tensor before it"),
      bad("LastBeyondTheEnd", two(tensor("a", "U8", "[4]", 0, 4), tensor("b", "U8", "[5]", 4, 9)),
          "tensor 'b': ends at byte 9 of 8 bytes of data"),
      bad("BackwardsNear2To64", one("U8", "[1]", ~uint64_t{0}, 0), "tensor 'a': data_offsets run backwards"),
      bad("HeaderIsItsOwnPayload", file_of("{" + tensor("a", "U8", "[100]", 0, 100) + "}"),
          "tensor 'a': ends at byte 100 of 0 bytes of data"),
  };
}

Rows metadata_rows() {
  const std::string a = R"(,"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]})";
  const auto of = [&](const std::string &metadata, const std::string &rest = "") {
    return file_of(R"({"__metadata__":)" + metadata + (rest.empty() ? a : rest) + "}", "12345678");
  };
  return {
      bad("MetadataIsNull", of("null"), "'__metadata__' is null, not an object"),
      bad("MetadataIsTrue", of("true"), "'__metadata__' is a boolean, not an object"),
      bad("MetadataIsANumber", of("1"), "'__metadata__' is a number, not an object"),
      bad("MetadataOfNull", of(R"({"k":null})"), "__metadata__ 'k' is null, not a string"),
      bad("MetadataOfReal", of(R"({"k":1.5})"), "__metadata__ 'k' is a number that is no 64-bit integer, not a string"),
      bad("MetadataOfNegative", of(R"({"k":-1})"), "__metadata__ 'k' is a negative number, not a string"),
      bad("MetadataOfTrue", of(R"({"k":true})"), "__metadata__ 'k' is a boolean, not a string"),
      bad("MetadataOfArray", of(R"({"k":["v"]})"), "__metadata__ 'k' is an array, not a string"),
      bad("MetadataIsATensor", of(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8]})"),
          "__metadata__ 'shape' is an array, not a string"),
      bad("MetadataTwiceByEscape", of("{}", R"(,"\u005f_metadata__":{})" + a), "duplicate key '__metadata__'"),
      bad("ChecksumInUpperCase", of(R"({"crc32.a":"9AE0DAAF"})"),
          "tensor 'a': checksum '9AE0DAAF' is not eight hexadecimal digits"),
      bad("ChecksumOfSevenDigits", of(R"({"crc32.a":"9ae0daa"})"),
          "tensor 'a': checksum '9ae0daa' is not eight hexadecimal digits"),
      bad("ChecksumOfNineDigits", of(R"({"crc32.a":"9ae0daaf0"})"),
          "tensor 'a': checksum '9ae0daaf0' is not eight hexadecimal digits"),
      bad("ChecksumIsEmpty", of(R"({"crc32.a":""})"), "tensor 'a': checksum '' is not eight hexadecimal digits"),
      bad("ChecksumOfAnotherTensor", of(R"({"crc32.a":"00000000"})"),
          "tensor 'a': its bytes are damaged: checksum 9ae0daaf, expected 00000000"),
      bad("ChecksumOfNoName", of(R"({"crc32.":"00000000"})"), "a checksum for tensor '', which is not there"),
      bad("ChecksumOfTheHeader", of(R"({"crc32.__metadata__":"00000000"})"),
          "the header is damaged: checksum d7697bea, expected '00000000'"),
      bad("ChecksumOfTheHeaderIsNone", of(R"({"crc32.__metadata__":"none"})"),
          "tensor '__metadata__': checksum 'none' is not eight hexadecimal digits"),
      bad("ChecksumOfTheSource", of(R"({"source_crc32.__metadata__":"00000001","source_file":"a"})"),
          "the header is damaged: checksum 11ef4917, expected '00000001'"),
      bad("ReservedKey", of(R"({"crc33.__metadata__":"00000000"})"),
          "metadata key 'crc33.__metadata__': such names are reserved"),
      bad("ReservedKeyOfTheSameName", of(R"({"__metadata__":""})"),
          "metadata key '__metadata__': such names are reserved"),
  };
}

TEST(HostileSafetensors, MalformedFilesAreRefused) {
  expect_refusals("safetensors", 110, joined({json_rows(), type_rows(), layout_rows(), metadata_rows()}),
                  [](const std::string &file) { parse_safetensors(bytes_of(file), "t"); });
}

}  // namespace
}  // namespace sluice::hostile
