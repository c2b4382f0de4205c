// SPDX-License-Identifier: Apache-2.0
// Things read from files on demand, some kept; those that cannot be read are named once and left out.
#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "weights_io/error.h"

namespace sluice {

// May be called from several threads.
template <class Item>
class ItemStore {
 public:
  struct Loaded {
    Item item;
    int64_t bytes = 0;
  };
  // `load` throws Error for what cannot be read. `source` and `what` ("pictures") are for messages.
  ItemStore(std::string source, std::string what, size_t count, int64_t cache_bytes, std::function<Loaded(size_t)> load,
            std::function<void(const std::string &)> report)
      : source_(std::move(source)),
        what_(std::move(what)),
        count_(count),
        load_(std::move(load)),
        report_(std::move(report)),
        cache_left_(cache_bytes) {}

  size_t size() const { return count_; }

  // The item at `index`, or nothing where it cannot be read. Error input_failed when none of all can be.
  std::shared_ptr<const Item> get(size_t index) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto cached = cache_.find(index);
      if (cached != cache_.end()) return cached->second;
      if (bad_.size() == count_) refuse_all("");
      if (bad_.count(index) != 0) return nullptr;
    }
    std::shared_ptr<const Item> item;
    int64_t bytes = 0;
    std::string reason;
    try {
      Loaded loaded = load_(index);
      bytes = loaded.bytes;
      item = std::make_shared<const Item>(std::move(loaded.item));
    } catch (const Error &error) {
      reason = error.what();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (item == nullptr) {
      const bool fresh = bad_.insert(index).second;
      if (fresh && report_) report_(fmt::format("left out: {}", reason));
      if (bad_.size() == count_) refuse_all("; the last one: " + reason);
      return nullptr;
    }
    if (bytes <= cache_left_ && cache_.emplace(index, item).second) cache_left_ -= bytes;
    return item;
  }

 private:
  [[noreturn]] void refuse_all(const std::string &why) const {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: none of its {} {} can be read{}", source_, count_, what_, why));
  }

  std::string source_, what_;
  size_t count_;
  std::function<Loaded(size_t)> load_;
  std::function<void(const std::string &)> report_;
  std::mutex mutex_;
  std::map<size_t, std::shared_ptr<const Item>> cache_;
  std::set<size_t> bad_;
  int64_t cache_left_;
};

}  // namespace sluice
