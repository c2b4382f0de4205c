// SPDX-License-Identifier: Apache-2.0
// Fuzz target: pickles as torch.save writes them, with what reads objects and views from them. The input stands as
// data.pkl in an archive of sixteen small storages, so no checksum and no offset is in the way of mutations.
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz/examine.h"

namespace {

constexpr std::size_t kStorages = 16, kStorageBytes = 1024;

class ZipWriter {
 public:
  // Stored, without a checksum.
  void add(const std::string &name, std::span<const uint8_t> data) {
    const auto offset = static_cast<uint32_t>(file_.size());
    const auto bytes = static_cast<uint32_t>(data.size());
    put(file_, 0x04034b50, 4);
    put_entry(file_, bytes, name);
    file_.insert(file_.end(), name.begin(), name.end());
    file_.insert(file_.end(), data.begin(), data.end());
    put(directory_, 0x02014b50, 4);
    put(directory_, 20, 2);  // made by
    put_entry(directory_, bytes, name);
    for (const unsigned size : {2u, 2u, 2u, 4u}) put(directory_, 0, size);  // comment, disk, attributes
    put(directory_, offset, 4);
    directory_.insert(directory_.end(), name.begin(), name.end());
    ++count_;
  }

  std::vector<uint8_t> finish() {
    const auto begin = static_cast<uint32_t>(file_.size());
    file_.insert(file_.end(), directory_.begin(), directory_.end());
    put(file_, 0x06054b50, 4);
    put(file_, 0, 4);  // disks
    put(file_, count_, 2);
    put(file_, count_, 2);
    put(file_, static_cast<uint32_t>(directory_.size()), 4);
    put(file_, begin, 4);
    put(file_, 0, 2);  // comment
    return std::move(file_);
  }

 private:
  static void put(std::vector<uint8_t> &into, uint32_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) into.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  // What a local header and the directory have in common.
  static void put_entry(std::vector<uint8_t> &into, uint32_t bytes, const std::string &name) {
    put(into, 20, 2);  // version needed
    put(into, 0, 2);   // flags
    put(into, 0, 2);   // stored
    put(into, 0, 4);   // time
    put(into, 0, 4);   // checksum
    put(into, bytes, 4);
    put(into, bytes, 4);
    put(into, static_cast<uint32_t>(name.size()), 2);
    put(into, 0, 2);  // extra field
  }

  std::vector<uint8_t> file_, directory_;
  uint32_t count_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  using namespace sluice;
  std::array<uint8_t, kStorageBytes> storage{};
  for (std::size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<uint8_t>(i & 1);
  ZipWriter zip;
  zip.add("a/data.pkl", {data, size});
  for (std::size_t i = 0; i < kStorages; ++i) zip.add("a/data/" + std::to_string(i), storage);
  const std::vector<uint8_t> file = zip.finish();
  fuzz::examine_checkpoint(file.data(), file.size(), open_torch_zip);
  return 0;
}
