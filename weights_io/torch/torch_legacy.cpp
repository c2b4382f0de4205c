// SPDX-License-Identifier: Apache-2.0
// PyTorch before 1.6 (pytorch/pytorch: torch/serialization.py, _legacy_load): five pickles - magic number, protocol,
// system, the object, the list of storage keys - then for each key an element count and the elements.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "weights_io/checkpoint_formats.h"
#include "weights_io/error.h"
#include "weights_io/text.h"
#include "weights_io/torch/pickle.h"
#include "weights_io/torch/torch_checkpoint.h"
#include "weights_io/torch/torch_objects.h"

namespace sluice {
namespace {

using pickle::Kind;
using pickle::Tree;
using pickle::Value;

constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // as LONG1 has it
constexpr int64_t kProtocol = 1001;
constexpr std::size_t kFirstWindow = std::size_t{1} << 16;
constexpr std::size_t kCountBytes = 8;
constexpr std::size_t kTarMagicAt = 257;

class Stream {
 public:
  explicit Stream(SourcePointer source) : source_(std::move(source)), file_(source_->name()) {}

  std::unique_ptr<Checkpoint> open() {
    refuse_old();
    read_head();
    const std::vector<std::byte> object = next_pickle("the object");
    pickle::Budget budget = object_budget(file_, source_->size(), object.size());
    TorchObjects objects;
    {
      const Tree tree = pickle::read_pickle(object, budget, file_);
      objects = torch_objects(tree, budget, file_, source_->size());
    }
    const std::vector<std::byte> list = next_pickle("the list of storages");
    std::vector<StoragePlace> places = read_places(pickle::read_pickle(list, budget, file_), objects.storages);
    return make_torch_checkpoint(CheckpointFormat::torch_legacy, source_, std::move(objects), std::move(places));
  }

 private:
  [[noreturn]] void fail(const std::string &reason) const {
    throw Error(ErrorCode::bad_file, fmt::format("{}: {}", file_, reason));
  }

  // Containers of torch 0.1, and pickles that only another program could have written.
  void refuse_old() {
    std::array<std::byte, kTarMagicAt + 5> first{};
    const auto length = static_cast<std::size_t>(std::min<uint64_t>(first.size(), source_->size()));
    source_->read_at(0, std::span(first).first(length));
    const std::string_view text(reinterpret_cast<const char *>(first.data()), length);
    if (text.substr(std::min(length, kTarMagicAt)) == "ustar") {
      fail("is a tar archive, as torch 0.1 wrote them: load it with torch and save it again");
    }
    if (!text.starts_with('\x80')) {
      fail("is a pickle of protocol 0 or 1, which is not read: save it again with torch's own pickle_protocol");
    }
  }

  // The bytes of the pickle that begins here, and moves behind it.
  std::vector<std::byte> next_pickle(const char *what) {
    const uint64_t left = source_->size() - at_;
    std::size_t window = kFirstWindow;
    while (true) {
      const auto bytes = static_cast<std::size_t>(std::min<uint64_t>(window, left));
      std::vector<std::byte> part = source_->read_part(at_, bytes);
      const std::optional<std::size_t> end = pickle::pickle_end(part, 0, file_);
      if (end) {
        part.resize(*end);
        part.shrink_to_fit();
        at_ += *end;
        return part;
      }
      if (bytes == left) fail(fmt::format("{} is cut off: the file ends at byte {}", what, source_->size()));
      if (window >= pickle::kMaxPickleBytes) fail(fmt::format("{} is larger than {} bytes", what, window));
      window *= 4;
    }
  }

  void read_head() {
    pickle::Budget budget = object_budget(file_, source_->size(), 0);
    const std::vector<std::byte> magic = next_pickle("the magic number");
    const Tree first = pickle::read_pickle(magic, budget, file_);
    if (first.root.kind() != Kind::long_integer || first.text(first.root) != kMagic) {
      fail("is a pickle, but none that torch.save wrote: it has no magic number");
    }
    const std::vector<std::byte> protocol = next_pickle("the protocol number");
    const Value version = pickle::read_pickle(protocol, budget, file_).root;
    if (version.kind() != Kind::integer || version.integer() != kProtocol) fail("its protocol is not 1001");
    const std::vector<std::byte> system = next_pickle("the description of the system");
    check_system(pickle::read_pickle(system, budget, file_));
  }

  void check_system(const Tree &tree) const {
    if (tree.root.kind() != Kind::dictionary) fail("its description of the system is no dictionary");
    const std::vector<Value> &pairs = tree.items(tree.root);
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
      const bool is_order = pairs[i].kind() == Kind::text && tree.text(pairs[i]) == "little_endian";
      if (!is_order) continue;
      if (pairs[i + 1].kind() != Kind::boolean) fail("its byte order is no truth value");
      if (pairs[i + 1].integer() == 0) fail("its numbers are big endian, which is not read");
      return;
    }
    fail("its description of the system says nothing about the byte order");
  }

  // One place for each of `storages`, from the keys in the order of the list.
  std::vector<StoragePlace> read_places(const Tree &keys, const std::vector<TorchStorage> &storages) {
    if (keys.root.kind() != Kind::list) fail("its list of storages is no list");
    std::unordered_map<std::string_view, std::size_t> by_key;
    for (std::size_t i = 0; i < storages.size(); ++i) by_key.emplace(storages[i].key, i);
    const std::vector<Value> &items = keys.items(keys.root);
    std::vector<StoragePlace> places(storages.size());
    std::vector<bool> seen(storages.size());
    for (const Value item : items) {
      if (item.kind() != Kind::text) fail("its list of storages holds something that is no key");
      const std::string_view key = keys.text(item);
      const auto known = by_key.find(key);
      if (known == by_key.end()) fail(fmt::format("storage {} belongs to no tensor", in_quotes(key)));
      if (seen[known->second]) fail(fmt::format("storage {} is there twice", in_quotes(key)));
      seen[known->second] = true;
      places[known->second] = next_place(storages[known->second]);
    }
    if (items.size() != storages.size()) {
      fail(fmt::format("{} storages are listed, its tensors lie in {}", items.size(), storages.size()));
    }
    if (at_ != source_->size()) fail(fmt::format("{} bytes follow its last storage", source_->size() - at_));
    return places;
  }

  StoragePlace next_place(const TorchStorage &storage) {
    if (!source_->holds(at_, kCountBytes)) cut_off(storage);
    const std::vector<std::byte> count = source_->read_part(at_, kCountBytes);
    uint64_t elements = 0;
    for (std::size_t i = kCountBytes; i > 0; --i) elements = elements << 8 | std::to_integer<uint64_t>(count[i - 1]);
    at_ += kCountBytes;
    if (elements != storage.bytes / storage.element_bytes) {
      fail(fmt::format("storage {} has {} elements where it lies, {} where it is used", in_quotes(storage.key),
                       elements, storage.bytes / storage.element_bytes));
    }
    if (!source_->holds(at_, storage.bytes)) cut_off(storage);
    const StoragePlace place = {at_, storage.bytes, 0};
    at_ += storage.bytes;
    return place;
  }

  [[noreturn]] void cut_off(const TorchStorage &storage) const {
    fail(fmt::format("storage {} of {} bytes is cut off: the file ends at byte {}", in_quotes(storage.key),
                     storage.bytes, source_->size()));
  }

  SourcePointer source_;
  std::string file_;
  uint64_t at_ = 0;
};

}  // namespace

std::unique_ptr<Checkpoint> open_torch_legacy(SourcePointer source) { return Stream(std::move(source)).open(); }

}  // namespace sluice
