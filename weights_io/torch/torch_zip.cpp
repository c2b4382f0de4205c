// SPDX-License-Identifier: Apache-2.0
// PyTorch 1.6 and later: <top>/data.pkl holds the object, <top>/data/<key> the storages.
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "weights_io/checkpoint_formats.h"
#include "weights_io/crc32.h"
#include "weights_io/error.h"
#include "weights_io/text.h"
#include "weights_io/torch/pickle.h"
#include "weights_io/torch/torch_checkpoint.h"
#include "weights_io/torch/torch_objects.h"
#include "weights_io/torch/zip_archive.h"

namespace sluice {
namespace {

constexpr std::string_view kPickle = "/data.pkl";
constexpr std::size_t kMaxOrderBytes = 16;

class TorchZip {
 public:
  explicit TorchZip(SourcePointer source)
      : source_(std::move(source)), file_(source_->name()), entries_(read_zip(*source_)) {
    top_ = find_top();
  }

  std::unique_ptr<Checkpoint> open() {
    refuse_scripts();
    check_byte_order();
    TorchObjects objects = read_objects();
    std::vector<StoragePlace> places;
    places.reserve(objects.storages.size());
    for (const TorchStorage &storage : objects.storages) places.push_back(place_of(storage));
    return make_torch_checkpoint(CheckpointFormat::torch_zip, source_, std::move(objects), std::move(places));
  }

 private:
  [[noreturn]] void fail(const std::string &reason) const {
    throw Error(ErrorCode::bad_file, fmt::format("{}: {}", file_, reason));
  }

  // The one folder that holds a data.pkl.
  std::string find_top() const {
    std::string top;
    for (const auto &[name, entry] : entries_) {
      if (!name.ends_with(kPickle) || name.find('/') != name.size() - kPickle.size()) continue;
      if (!top.empty()) fail(fmt::format("holds two checkpoints, {} and {}", in_quotes(top), in_quotes(name)));
      top = name.substr(0, name.size() - kPickle.size());
    }
    if (top.empty()) fail("is a zip archive, but none that torch.save wrote: it has no data.pkl in a folder");
    return top;
  }

  const ZipEntry *find(const std::string &name) const {
    const auto found = entries_.find(top_ + "/" + name);
    return found == entries_.end() ? nullptr : &found->second;
  }

  void refuse_scripts() const {
    const auto code = entries_.lower_bound(top_ + "/code/");
    const bool has_code = code != entries_.end() && code->first.starts_with(top_ + "/code/");
    if (has_code || find("constants.pkl") != nullptr) {
      fail("is a TorchScript program, not weights: load it with torch.jit.load and save its state_dict()");
    }
  }

  void check_stored(const ZipEntry &entry, std::string_view name) const {
    if (!entry.compressed) return;
    fail(fmt::format("its {} is compressed, which torch never does: unpack it, and pack it again as it was (zip -0 -r)",
                     in_quotes(name)));
  }

  std::vector<std::byte> contents(const ZipEntry &entry, std::string_view name) const {
    check_stored(entry, name);
    std::vector<std::byte> bytes = source_->read_part(entry.begin, entry.bytes);
    const uint32_t crc = crc32(bytes);
    if (entry.crc != 0 && crc != entry.crc) {
      fail(fmt::format("{} is damaged: checksum {:08x}, expected {:08x}", name, crc, entry.crc));
    }
    return bytes;
  }

  // Files before torch 2.1 do not say; they are little endian wherever they came from.
  void check_byte_order() const {
    const ZipEntry *entry = find("byteorder");
    if (entry == nullptr) return;
    if (entry->bytes > kMaxOrderBytes) fail("its byteorder is neither little nor big");
    const std::vector<std::byte> bytes = contents(*entry, "byteorder");
    const std::string_view order(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    if (order == "big") fail("its numbers are big endian, which is not read");
    if (order != "little") fail(fmt::format("its byteorder is {}, neither little nor big", in_quotes(order)));
  }

  TorchObjects read_objects() const {
    const ZipEntry &entry = *find("data.pkl");
    if (entry.bytes > pickle::kMaxPickleBytes) {
      fail(fmt::format("a pickle of {} bytes, at most {} are accepted", entry.bytes, pickle::kMaxPickleBytes));
    }
    const std::vector<std::byte> bytes = contents(entry, "data.pkl");
    pickle::Budget budget = object_budget(file_, source_->size(), bytes.size());
    const pickle::Tree tree = pickle::read_pickle(bytes, budget, file_);
    if (tree.end != bytes.size()) fail(fmt::format("{} bytes follow the STOP of its pickle", bytes.size() - tree.end));
    return torch_objects(tree, budget, file_, source_->size());
  }

  StoragePlace place_of(const TorchStorage &storage) const {
    const ZipEntry *entry = find("data/" + storage.key);
    if (entry == nullptr) entry = find("tensors/" + storage.key);  // torch 1.4
    if (entry == nullptr) fail(fmt::format("storage {} is missing", in_quotes(storage.key)));
    check_stored(*entry, "data/" + storage.key);
    if (entry->bytes < storage.bytes) {
      fail(fmt::format("storage {} has {} bytes, {} are used", in_quotes(storage.key), entry->bytes, storage.bytes));
    }
    return {entry->begin, entry->bytes, entry->crc};
  }

  SourcePointer source_;
  std::string file_;
  std::map<std::string, ZipEntry> entries_;
  std::string top_;
};

}  // namespace

std::unique_ptr<Checkpoint> open_torch_zip(SourcePointer source) { return TorchZip(std::move(source)).open(); }

}  // namespace sluice
