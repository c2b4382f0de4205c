// SPDX-License-Identifier: Apache-2.0
// Pickles put together opcode by opcode, right and wrong ones, and the files of PyTorch around them.
#pragma once
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/weights_io/support.h"
#include "weights_io/checkpoint.h"

namespace sluice::test {

template <typename T>
std::string little_endian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string op(int byte) { return std::string(1, static_cast<char>(byte)); }

inline std::string joined(const std::vector<std::string> &parts) {
  std::string all;
  for (const std::string &part : parts) all += part;
  return all;
}

inline std::string repeated(const std::string &part, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += part;
  return all;
}

// ---- values

inline std::string text(const std::string &value) {
  return "X" + little_endian(static_cast<uint32_t>(value.size())) + value;
}
inline std::string python2_text(const std::string &value) { return "U" + op(static_cast<int>(value.size())) + value; }
inline std::string integer(int64_t value) {
  if (value >= 0 && value < 256) return "K" + op(static_cast<int>(value));
  return op(0x8a) + op(8) + little_endian(value);
}
inline std::string boolean(bool value) { return op(value ? 0x88 : 0x89); }
inline std::string tuple(const std::vector<std::string> &items) { return "(" + joined(items) + "t"; }
inline std::string list(const std::vector<std::string> &items) { return "](" + joined(items) + "e"; }
inline std::string dictionary(const std::vector<std::pair<std::string, std::string>> &items) {
  std::string all = "}(";
  for (const auto &[key, value] : items) all += key + value;
  return all + "u";
}
inline std::string global(const std::string &module, const std::string &name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string call(const std::string &function, const std::string &arguments) {
  return function + arguments + "R";
}
inline std::string call(const std::string &module, const std::string &name, const std::vector<std::string> &arguments) {
  return call(global(module, name), tuple(arguments));
}
inline std::string ordered(const std::vector<std::pair<std::string, std::string>> &items) {
  std::string all = call("collections", "OrderedDict", {}) + "(";
  for (const auto &[key, value] : items) all += key + value;
  return all + "u";
}
inline std::string sizes(const std::vector<int64_t> &values) {
  std::vector<std::string> items;
  for (const int64_t value : values) items.push_back(integer(value));
  return tuple(items);
}

// ---- what torch.save makes of a tensor

inline std::string storage(const std::string &type, const std::string &key, int64_t elements) {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), integer(elements)}) + "Q";
}
inline std::string tensor(const std::string &storage, int64_t offset, const std::vector<int64_t> &size,
                          const std::vector<int64_t> &stride) {
  return call("torch._utils", "_rebuild_tensor_v2",
              {storage, integer(offset), sizes(size), sizes(stride), boolean(false), ordered({})});
}
inline std::string pickled(const std::string &value) { return op(0x80) + op(2) + value + "."; }

// ---- zip

struct Member {
  std::string name;
  std::string data;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t attributes = 0;
  int64_t size = -1;            // what the directory says, where it differs from the data
  int64_t crc = -1;             // the same
  int64_t offset = -1;          // of its header
  std::string local_name = {};  // in the header before the data, where it differs
  std::string extra = {};       // in the directory
  int64_t packed_size = -1;     // in both, where it differs from the data
};

inline std::string zip_header(const Member &member, bool is_local, uint32_t offset) {
  const auto crc = member.crc >= 0 ? static_cast<uint32_t>(member.crc)
                                   : static_cast<uint32_t>(::crc32_z(
                                         0, reinterpret_cast<const Bytef *>(member.data.data()), member.data.size()));
  const auto size = static_cast<uint32_t>(member.size >= 0 ? member.size : static_cast<int64_t>(member.data.size()));
  const auto packed =
      static_cast<uint32_t>(member.packed_size >= 0 ? member.packed_size : static_cast<int64_t>(member.data.size()));
  const std::string &name = is_local && !member.local_name.empty() ? member.local_name : member.name;
  std::string bytes = is_local ? "PK\x03\x04" : "PK\x01\x02" + little_endian<uint16_t>(20);
  bytes += little_endian<uint16_t>(20) + little_endian(member.flags) + little_endian(member.method);
  bytes += little_endian<uint32_t>(0) + little_endian(crc) + little_endian(packed);
  bytes += little_endian(size) + little_endian(static_cast<uint16_t>(name.size()));
  bytes += little_endian(static_cast<uint16_t>(is_local ? 0 : member.extra.size()));
  if (is_local) return bytes + name;
  bytes += repeated(little_endian<uint16_t>(0), 3) + little_endian(member.attributes);
  return bytes + little_endian(offset) + name + member.extra;
}

inline std::string zip_of(const std::vector<Member> &members, int64_t claimed_entries = -1) {
  std::string file, directory;
  for (const Member &member : members) {
    const auto at = static_cast<uint32_t>(member.offset >= 0 ? member.offset : static_cast<int64_t>(file.size()));
    directory += zip_header(member, false, at);
    if (member.offset < 0) file += zip_header(member, true, 0) + member.data;
  }
  const auto entries =
      static_cast<uint16_t>(claimed_entries >= 0 ? claimed_entries : static_cast<int64_t>(members.size()));
  const std::string end = "PK\x05\x06" + little_endian<uint32_t>(0) + little_endian(entries) + little_endian(entries) +
                          little_endian(static_cast<uint32_t>(directory.size())) +
                          little_endian(static_cast<uint32_t>(file.size())) + little_endian<uint16_t>(0);
  return file + directory + end;
}

using Storages = std::vector<std::pair<std::string, std::string>>;  // key, bytes

inline std::vector<Member> members_of(const std::string &pickle, const Storages &storages) {
  std::vector<Member> members = {{"net/data.pkl", pickle}, {"net/byteorder", "little"}};
  for (const auto &[key, bytes] : storages) members.push_back({"net/data/" + key, bytes});
  members.push_back({"net/version", "3\n"});
  return members;
}
inline std::string torch_zip(const std::string &pickle, const Storages &storages = {}) {
  return zip_of(members_of(pickle, storages));
}

// ---- the stream before torch 1.6

inline std::string legacy_head(bool little = true) {
  return pickled(op(0x8a) + op(10) + "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickled("M\xe9\x03") +
         pickled(dictionary({{text("protocol_version"), "M\xe9\x03"}, {text("little_endian"), boolean(little)}}));
}
struct LegacyStorage {
  std::string key;
  int64_t elements;
  std::string bytes;
};
inline std::string torch_legacy(const std::string &pickle, const std::vector<LegacyStorage> &storages) {
  std::string data;
  std::vector<std::string> keys;
  for (const LegacyStorage &storage : storages) {
    keys.push_back(text(storage.key));
    data += little_endian(storage.elements) + storage.bytes;
  }
  return legacy_head() + pickle + pickled(list(keys)) + data;
}

// A checkpoint with the bytes it lies in.
class Opened {
 public:
  explicit Opened(std::string file)
      : bytes_(std::make_unique<std::string>(std::move(file))),
        checkpoint_(open_checkpoint(std::as_bytes(std::span<const char>(*bytes_)), "t.pth")) {}

  Checkpoint *operator->() const { return checkpoint_.get(); }
  Checkpoint &operator*() const { return *checkpoint_; }

 private:
  std::unique_ptr<std::string> bytes_;
  std::unique_ptr<Checkpoint> checkpoint_;
};

}  // namespace sluice::test
