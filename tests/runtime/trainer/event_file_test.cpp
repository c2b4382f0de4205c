// SPDX-License-Identifier: Apache-2.0
// Event files: framing and messages read back by hand, as TensorBoard reads them.
#include "runtime/trainer/event_file.h"

#include <bit>
#include <cstring>

#include "tests/runtime/trainer/trainer_support.h"
#include "weights_io/tensorflow/crc32c.h"
#include "weights_io/tensorflow/protobuf_wire.h"

namespace sluice::testing {
namespace {

using Bytes = std::span<const std::byte>;

template <typename Number>
Number number_at(Bytes bytes, size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

// The messages of a file whose frames are right.
std::vector<Bytes> messages_of(Bytes file) {
  std::vector<Bytes> messages;
  while (!file.empty()) {
    const auto length = number_at<uint64_t>(file, 0);
    EXPECT_EQ(unmasked_crc32c(number_at<uint32_t>(file, 8)), crc32c(file.first(8)));
    const Bytes message = file.subspan(12, length);
    EXPECT_EQ(unmasked_crc32c(number_at<uint32_t>(file, 12 + length)), crc32c(message));
    messages.push_back(message);
    file = file.subspan(16 + length);
  }
  return messages;
}

std::map<uint32_t, protobuf::Field> fields_of(Bytes message) {
  std::map<uint32_t, protobuf::Field> fields;
  protobuf::Reader reader(message);
  for (protobuf::Field field; reader.next(field);) fields[field.number] = field;
  return fields;
}

std::string text(Bytes bytes) { return {reinterpret_cast<const char *>(bytes.data()), bytes.size()}; }

TEST(EventFile, HoldsNumbersAndPictures) {
  const TemporaryFolder folder;
  const auto png = image_test::to_bytes("bytes of a png");
  std::filesystem::path path;
  {
    EventFile file(folder.path());
    path = file.path();
    file.add_numbers(300, {{"loss", 0.5}});
    file.add_picture(301, "samples", 52, 34, png);
  }
  EXPECT_TRUE(path.filename().string().starts_with("events.out.tfevents."));
  const image_test::Bytes bytes = image_test::load(path);
  const std::vector<Bytes> messages = messages_of(bytes);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(text(fields_of(messages[0]).at(3).bytes), "brain.Event:2");
  auto event = fields_of(messages[1]);
  EXPECT_EQ(event.at(2).int64(), 300);
  EXPECT_GT(std::bit_cast<double>(event.at(1).value), 1.6e9);  // seconds since 1970
  auto value = fields_of(fields_of(event.at(5).bytes).at(1).bytes);
  EXPECT_EQ(text(value.at(1).bytes), "loss");
  EXPECT_EQ(std::bit_cast<float>(value.at(2).fixed32()), 0.5f);
  value = fields_of(fields_of(fields_of(messages[2]).at(5).bytes).at(1).bytes);
  auto image = fields_of(value.at(4).bytes);
  EXPECT_EQ(image.at(1).int64(), 34);
  EXPECT_EQ(image.at(2).int64(), 52);
  EXPECT_EQ(text(image.at(4).bytes), "bytes of a png");
}

}  // namespace
}  // namespace sluice::testing
