// SPDX-License-Identifier: Apache-2.0
// Malformed JPEG files, built segment by segment, and the text by which each is refused.
#include <fmt/format.h>

#include "tests/hostile/jpeg_parts.h"
#include "tests/hostile/malformed.h"
#include "tests/runtime/image/image_files.h"

namespace sluice::hostile {
namespace {

// Body of a frame: precision, height (2), width (2), components, then id, sampling, table of each.
constexpr int kFrame = 0xC0, kProgressiveFrame = 0xC2, kTables = 0xC4, kScan = 0xDA, kQuantization = 0xDB,
              kRestart = 0xDD, kEnd = 0xD9, kConditioning = 0xCC;

Picture picture_of(const std::string &file) { return decode_picture(bytes_of(file), "p"); }

Malformed bad(const std::string &what, const std::string &file, const std::string &reason) {
  return {what, file, "p: bad JPEG: " + reason + "; expected a whole, undamaged 8-bit JPEG"};
}

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

Rows frame_rows() {
  const std::string good = make_jpeg();
  const JpegSegment frame = segment_of(good, kFrame);
  const auto with_components = [&](int count) {
    std::string body = frame.body.substr(0, 5) + static_cast<char>(count);
    for (int i = 1; i <= count; ++i) body += bytes({i, 0x11, 0});
    return with_body(good, kFrame, body);
  };
  const std::string flat = changed(good, {{kFrame, 1, 0}, {kFrame, 2, 0}});
  const std::string square = changed(good, {{kFrame, 1, 255}, {kFrame, 2, 255}, {kFrame, 3, 255}, {kFrame, 4, 255}});
  Rows rows = {
      bad("StartOnly", bytes({0xFF, 0xD8, 0xFF}), "the file is truncated"),
      bad("StartAndEnd", bytes({0xFF, 0xD8, 0xFF, 0xD9}), "JPEG datastream contains no image"),
      bad("ScanBeforeFrame", without(good, kFrame), "Invalid JPEG file structure: SOS before SOF"),
      bad("FrameTwice", inserted(good, kScan, joined(JpegParts{frame})),
          "Invalid JPEG file structure: two SOF markers"),
      bad("NoScan", without(good, kScan), "Invalid JPEG file structure: missing SOS marker"),
      bad("HeightZero", flat, "Empty JPEG image (DNL not supported)"),
      bad("LineCountInstead", inserted(flat, kEnd, jpeg_segment(0xDC, bytes({0, 16}))),
          "Empty JPEG image (DNL not supported)"),
      bad("WidthZero", changed(good, {{kFrame, 3, 0}, {kFrame, 4, 0}}), "Empty JPEG image (DNL not supported)"),
      {"Sides65535", square,
       "p: bad JPEG: Maximum supported image dimension is 65500 pixels; expected a whole, undamaged 8-bit JPEG"},
      bad("NoComponents", changed(good, {{kFrame, 5, 0}}), "Empty JPEG image (DNL not supported)"),
      bad("FiveComponentsInTheSpaceOfThree", changed(good, {{kFrame, 5, 5}}), "Bogus marker length"),
      bad("Components255", changed(good, {{kFrame, 5, 255}}), "Bogus marker length"),
      {"FiveComponents", with_components(5), "p: bad JPEG: 5 components, expected 1, 3 or 4"},
      bad("ElevenComponents", with_components(11), "Too many color components: 11, max 10"),
      bad("FrameTooShort", with_body(good, kFrame, frame.body.substr(0, 10)), "Bogus marker length"),
      bad("FrameOfNothing", with_body(good, kFrame, ""), "Empty JPEG image (DNL not supported)"),
  };
  for (const int precision : {0, 1, 7, 16, 255}) {
    rows.push_back(bad("Precision" + std::to_string(precision), changed(good, {{kFrame, 0, precision}}),
                       "Unsupported JPEG data precision " + std::to_string(precision)));
  }
  for (const int sampling : {0x00, 0x01, 0x10, 0x51, 0x15, 0xFF}) {
    rows.push_back(
        bad("Sampling" + std::to_string(sampling), changed(good, {{kFrame, 7, sampling}}), "Bogus sampling factors"));
  }
  for (const int marker : {0xC3, 0xC5, 0xC6, 0xC7, 0xC8, 0xCB, 0xCD, 0xCE, 0xCF}) {
    JpegParts parts = parts_of(good);
    segment(parts, kFrame).marker = marker;
    rows.push_back(bad("Process" + std::to_string(marker), joined(parts),
                       fmt::format("Unsupported JPEG process: SOF type 0x{:02x}", marker)));
  }
  return rows;
}

// Body of a scan: components, then id and tables of each, first and last coefficient, bits.
Rows scan_rows() {
  const std::string good = make_jpeg(), steps = make_jpeg({.progressive = true});
  const auto of_body = [&](const std::string &body) { return with_body(good, kScan, body); };
  return {
      bad("ScanOfNothing", of_body(""), "Bogus marker length"),
      bad("ScanWithoutComponents", of_body(bytes({0, 0, 63, 0})), "Bogus marker length"),
      bad("ScanOfFiveComponents", of_body(bytes({5, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 0, 63, 0})), "Bogus marker length"),
      bad("ScanOfUnknownComponent", changed(good, {{kScan, 1, 77}}), "Invalid component ID 77 in SOS"),
      bad("ScanOfOneComponentTwice", changed(good, {{kScan, 3, 1}}), "Invalid component ID 1 in SOS"),
      bad("ScanTooShort", of_body(bytes({3, 1, 0, 2, 0x11})), "Bogus marker length"),
      bad("ScanTooLong", of_body(bytes({1, 1, 0, 0, 63, 0, 0, 0})), "Bogus marker length"),
      bad("TableOfDcMissing", changed(good, {{kScan, 2, 0x20}}), "Huffman table 0x02 was not defined"),
      bad("TableOfAcMissing", changed(good, {{kScan, 2, 0x02}}), "Huffman table 0x02 was not defined"),
      bad("TableNumber15", changed(good, {{kScan, 2, 0xFF}}), "Huffman table 0x0f was not defined"),
      bad("CoefficientsBackwards", changed(steps, {{kScan, 7, 5}, {kScan, 8, 3}}),
          "Invalid progressive parameters Ss=5 Se=3 Ah=0 Al=1"),
      bad("Coefficient64", changed(steps, {{kScan, 8, 64}}), "Invalid progressive parameters Ss=0 Se=64 Ah=0 Al=1"),
      bad("CoefficientsFromZeroOn", changed(steps, {{kScan, 8, 5}}),
          "Invalid progressive parameters Ss=0 Se=5 Ah=0 Al=1"),
      bad("Bit14", changed(steps, {{kScan, 9, 0x0E}}), "Invalid progressive parameters Ss=0 Se=0 Ah=0 Al=14"),
      bad("RefinementBeforeAll", changed(steps, {{kScan, 9, 0x21}}),
          "Inconsistent progression sequence for component 0 coefficient 0"),
      bad("RefinementOfTwoBits", changed(steps, {{kScan, 9, 0x31}}),
          "Invalid progressive parameters Ss=0 Se=0 Ah=3 Al=1"),
  };
}

Rows table_rows() {
  const std::string good = make_jpeg();
  const auto with = [&](int marker, const std::string &body) {
    return inserted(good, kScan, jpeg_segment(marker, body));
  };
  const std::string counts(16, '\0');
  std::string full(16, '\xFF'), twice = counts, third = counts;
  twice[0] = 3;
  third[15] = 1;
  return {
      bad("NoQuantization", without(good, kQuantization), "Quantization table 0x00 was not defined"),
      bad("QuantizationNumber4", with(kQuantization, '\x04' + std::string(64, '\1')), "Bogus DQT index 4"),
      bad("QuantizationNumber15", with(kQuantization, '\x0F' + std::string(64, '\1')), "Bogus DQT index 15"),
      bad("QuantizationOf63", with(kQuantization, '\x00' + std::string(62, '\1')), "Bogus marker length"),
      bad("QuantizationOf16BitsTooShort", with(kQuantization, '\x10' + std::string(64, '\1')), "Bogus marker length"),
      bad("QuantizationWithOneByteMore", with(kQuantization, std::string(1, '\0') + std::string(65, '\1')),
          "Bogus marker length"),
      bad("TableThatIsMissing", changed(good, {{kFrame, 8, 3}}), "Quantization table 0x03 was not defined"),
      bad("HuffmanTooShort", with(kTables, '\0' + std::string(10, '\0')), "Bogus marker length"),
      bad("HuffmanOf4080", with(kTables, '\0' + full), "Bogus Huffman table definition"),
      bad("HuffmanWithoutItsSymbols", with(kTables, '\0' + third), "Bogus Huffman table definition"),
      bad("HuffmanNumber4", with(kTables, '\x04' + third + '\1'), "Bogus DHT index 4"),
      bad("HuffmanNumber255", with(kTables, '\xFF' + third + '\1'), "Bogus DHT index 239"),
      bad("HuffmanOfThreeCodesOfOneBit", with(kTables, '\0' + twice + "\1\2\3"), "Bogus Huffman table definition"),
      bad("HuffmanSymbolAbove15", with(kTables, '\0' + third + '\x20'), "Bogus Huffman table definition"),
      bad("RestartOf3Bytes", with(kRestart, "abc"), "Bogus marker length"),
      bad("RestartOfNothing", with(kRestart, ""), "Bogus marker length"),
      bad("ConditioningTooShort", with(kConditioning, "a"), "Bogus DAC index 97"),
      bad("ConditioningNumber32", with(kConditioning, bytes({0x20, 0})), "Bogus DAC index 32"),
      bad("ConditioningLowAboveHigh", with(kConditioning, bytes({0x00, 0x01})), "Bogus DAC value 0x1"),
      bad("SegmentBeyondTheFile", good.substr(0, 2) + bytes({0xFF, 0xFE, 0xFF, 0xFF}) + good.substr(2),
          "the file is truncated"),
      bad("ReservedMarker", inserted(good, kScan, bytes({0xFF, 0x02, 0, 2})), "Unsupported marker type 0x02"),
      bad("HierarchyMarker", inserted(good, kScan, jpeg_segment(0xDE, "")), "Unsupported marker type 0xde"),
      bad("ExpandMarker", inserted(good, kScan, jpeg_segment(0xDF, "a")), "Unsupported marker type 0xdf"),
      bad("SecondStart", inserted(good, kScan, bytes({0xFF, 0xD8})), "Invalid JPEG file structure: two SOI markers"),
  };
}

Rows data_rows() {
  const std::string good = make_jpeg(), restarts = make_jpeg({.restart_every = 1});
  const std::string ink = make_jpeg({.channels = 4}), steps = make_jpeg({.progressive = true});
  const auto of_data = [](const std::string &file, const std::function<void(std::string &)> &change) {
    JpegParts parts = parts_of(file);
    change(segment(parts, kScan).entropy);
    return joined(parts);
  };
  const auto half = [](std::string &data) { data.resize(data.size() / 2); };
  const auto restart_at = [](const std::string &data) { return data.find("\xFF\xD0"); };
  return {
      bad("NoData", of_data(good, [](std::string &data) { data.clear(); }),
          "Corrupt JPEG data: premature end of data segment"),
      bad("HalfTheData", of_data(good, half), "Corrupt JPEG data: premature end of data segment"),
      bad("HalfTheDataOfInk", of_data(ink, half), "Corrupt JPEG data: premature end of data segment"),
      bad("HalfTheFirstScan", of_data(steps, half), "Corrupt JPEG data: premature end of data segment"),
      bad("OnesOnly",
          of_data(good,
                  [](std::string &data) {
                    std::string ones;
                    for (std::size_t i = 0; i < data.size(); ++i) ones += std::string("\xFF\0", 2);
                    data = ones;
                  }),
          "Corrupt JPEG data: bad Huffman code"),
      bad("MarkerInTheData", of_data(good, [](std::string &data) { data.replace(data.size() / 2, 2, "\xFF\xC4"); }),
          "Corrupt JPEG data: premature end of data segment"),
      bad("RestartWithoutInterval",
          of_data(good, [](std::string &data) { data.replace(data.size() / 2, 2, "\xFF\xD0"); }),
          "Corrupt JPEG data: premature end of data segment"),
      bad("RestartMissing", of_data(restarts, [&](std::string &data) { data.erase(restart_at(data), 2); }),
          "Corrupt JPEG data: found marker 0xd9 instead of RST0"),
      bad("RestartOutOfOrder", of_data(restarts, [&](std::string &data) { data[restart_at(data) + 1] = '\xD5'; }),
          "Corrupt JPEG data: found marker 0xd5 instead of RST0"),
      bad("RestartTwice", of_data(restarts, [&](std::string &data) { data.insert(restart_at(data), "\xFF\xD0"); }),
          "Corrupt JPEG data: premature end of data segment"),
      bad("IntervalOfTooMany", changed(restarts, {{kRestart, 0, 0xFF}}),
          "Corrupt JPEG data: premature end of data segment"),
      bad("IntervalOfNone", changed(restarts, {{kRestart, 1, 0}}), "Corrupt JPEG data: premature end of data segment"),
      bad("EndIsTheFirstByteOfAMarker", good.substr(0, good.size() - 1), "the file is truncated"),
      bad("EndMissing", good.substr(0, good.size() - 2), "the file is truncated"),
      bad("EndAtOnce", inserted(good, kScan, bytes({0xFF, 0xD9})), "Invalid JPEG file structure: missing SOS marker"),
      bad("LastScansOfAComponentMissing", inserted(steps, kScan, bytes({0xFF, 0xD9})),
          "Invalid JPEG file structure: missing SOS marker"),
      bad("InkWithTwoSamplings", changed(ink, {{kFrame, 7, 0x31}, {kFrame, 10, 0x21}}),
          "Fractional sampling not implemented yet"),
  };
}

std::string many_scans(int count) {
  const std::string steps = make_jpeg({.channels = 1, .progressive = true});
  const JpegSegment first = segment_of(steps, kScan);
  std::string file = steps.substr(0, steps.size() - 2);
  for (int i = 0; i < count; ++i) file += joined(JpegParts{first});
  return file + bytes({0xFF, 0xD9});
}

Rows scan_count_rows() {
  return {bad("Scans101", many_scans(101), "too many scans"), bad("Scans5000", many_scans(5000), "too many scans")};
}

TEST(HostileJpeg, MalformedFilesAreRefused) {
  for (const JpegKind &kind : {JpegKind{}, JpegKind{.progressive = true}, JpegKind{.arithmetic = true},
                               JpegKind{.restart_every = 1}, JpegKind{.channels = 4}, JpegKind{.channels = 1}}) {
    EXPECT_EQ(picture_of(make_jpeg(kind)).width, 32);  // what the rows are made of is good
  }
  expect_refusals("JPEG", 90, joined({frame_rows(), scan_rows(), table_rows(), data_rows(), scan_count_rows()}),
                  picture_of);
}

}  // namespace
}  // namespace sluice::hostile
