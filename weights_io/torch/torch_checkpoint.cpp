// SPDX-License-Identifier: Apache-2.0
// Tensors read from their storages, each storage checked against its checksum before the first.
#include "weights_io/torch/torch_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weights_io/crc32.h"
#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr uint64_t kCheckedAtOnce = uint64_t{1} << 20;

class TorchCheckpoint final : public Checkpoint {
 public:
  TorchCheckpoint(CheckpointFormat format, SourcePointer source, TorchObjects objects, std::vector<StoragePlace> places)
      : Checkpoint(format, source->name()),
        source_(std::move(source)),
        views_(std::move(objects.tensors)),
        storages_(std::move(objects.storages)),
        places_(std::move(places)) {
    others_ = std::move(objects.others);
    for (const auto &[name, view] : views_) tensors_[name] = {view.dtype, view.shape};
  }

 private:
  StoredTensor read_tensor(const std::string &name) override {
    const TensorView &view = views_.at(name);
    StoragePlace &place = places_[view.storage];
    check(view.storage, place, name);
    return {view.dtype, view.shape, read_view(*source_, place.begin, view)};
  }

  void check(std::size_t storage, StoragePlace &place, const std::string &name) {
    if (place.crc == 0) return;
    uint32_t crc = 0;
    for (uint64_t at = 0; at < place.bytes; at += kCheckedAtOnce) {
      const std::vector<std::byte> part =
          source_->read_part(place.begin + at, std::min(kCheckedAtOnce, place.bytes - at));
      crc = crc32(part, crc);
    }
    if (crc != place.crc) {
      throw Error(
          ErrorCode::bad_file,
          fmt::format("{}: tensor {}: the bytes of its storage {} are damaged: checksum {:08x}, expected {:08x}",
                      source_name(), in_quotes(name), in_quotes(storages_[storage].key), crc, place.crc));
    }
    place.crc = 0;
  }

  SourcePointer source_;
  std::map<std::string, TensorView> views_;
  std::vector<TorchStorage> storages_;
  std::vector<StoragePlace> places_;
};

}  // namespace

std::unique_ptr<Checkpoint> make_torch_checkpoint(CheckpointFormat format, SourcePointer source, TorchObjects objects,
                                                  std::vector<StoragePlace> places) {
  return std::make_unique<TorchCheckpoint>(format, std::move(source), std::move(objects), std::move(places));
}

}  // namespace sluice
