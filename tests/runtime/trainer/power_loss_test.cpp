// SPDX-License-Identifier: Apache-2.0
// Checkpoints when the power goes, at any moment, on a disk that keeps no promise but that of fsync: of what was not
// synced any part may be there and any part not, names apart from contents.
#include <iostream>
#include <map>

#include "runtime/trainer/checkpoint_folder.h"
#include "tests/runtime/trainer/system_calls.h"
#include "tests/runtime/trainer/trainer_support.h"

namespace sluice::testing {
namespace {

using Bytes = std::vector<std::byte>;

// What may be found of a file that was written and not synced.
enum class Content { synced, written, torn };

// The disk behind some calls: what is certain, and what is open.
class Disk {
 public:
  void apply(const DiskCall &call) {
    switch (call.kind) {
      case DiskCall::create:
        files_[call.file] = {};
        now_[call.name] = call.file;
        pending_.push_back(call);
        break;
      case DiskCall::write:
        write(files_.at(call.file).written, call);
        break;
      case DiskCall::sync:
        files_.at(call.file).synced = files_.at(call.file).written;
        break;
      case DiskCall::rename:
        pending_.push_back(call);
        pending_.back().file = now_[call.to] = now_.at(call.name);
        now_.erase(call.name);
        break;
      case DiskCall::remove:
        now_.erase(call.name);
        pending_.push_back(call);
        break;
      case DiskCall::sync_folder:
        for (const DiskCall &name : pending_) change(names_, name);
        pending_.clear();
        break;
      case DiskCall::mark:
        break;
    }
  }

  // Calls `visit` with every state that the power may leave: any of the changes of names since the folder was synced.
  template <typename Visit>
  void each_state(Visit visit) const {
    for (unsigned subset = 0; subset < 1u << pending_.size(); subset++) {
      auto names = names_;
      for (size_t i = 0; i < pending_.size(); i++) {
        if ((subset >> i & 1) != 0) change(names, pending_[i]);
      }
      for (const Content content : {Content::synced, Content::written, Content::torn}) {
        std::map<std::string, Bytes> state;
        for (const auto &[name, file] : names) state[name] = bytes_of(files_.at(file), content);
        visit(state);
      }
    }
  }

 private:
  struct File {
    Bytes written, synced;
  };

  static void write(Bytes &bytes, const DiskCall &call) {
    bytes.resize(std::max(bytes.size(), static_cast<size_t>(call.offset) + call.bytes.size()));
    std::copy(call.bytes.begin(), call.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(call.offset));
  }
  static void change(std::map<std::string, int> &names, const DiskCall &call) {
    if (call.kind == DiskCall::create) names[call.name] = call.file;
    if (call.kind == DiskCall::rename) names[call.to] = call.file;
    if (call.kind != DiskCall::create) names.erase(call.name);
  }
  // Torn: its length is there, and the first half of what was not synced.
  static Bytes bytes_of(const File &file, Content content) {
    if (content == Content::synced || file.synced == file.written) return file.synced;
    if (content == Content::written) return file.written;
    Bytes torn = file.synced;
    torn.resize(file.written.size());
    for (size_t i = file.synced.size(); i < (file.synced.size() + file.written.size()) / 2; i++)
      torn[i] = file.written[i];
    return torn;
  }

  std::map<int, File> files_;
  std::map<std::string, int> now_, names_;  // while the power is there; those that are certain
  std::vector<DiskCall> pending_;           // changes of names that are not
};

Archive archive_of(int step) {
  Archive archive;
  archive.metadata["kind"] = "test";
  for (const char *name : {"a", "b"}) {
    StoredTensor &tensor = archive.tensors[name] = StoredTensor::of_f32({40});
    for (int i = 0; i < 40; i++) tensor.f32()[i] = static_cast<float>(100 * step + i);
  }
  return archive;
}

constexpr int kSaves = 4;

std::vector<DiskCall> calls_of_saves() {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  std::vector<DiskCall> calls;
  disk_folder = folder.path().string();
  disk_calls = &calls;
  for (int step = 1; step <= kSaves; step++) {
    checkpoints.save(step, archive_of(step));
    calls.push_back({DiskCall::mark, -1, "", "", 0, {}, step});  // save() said that it is there
  }
  disk_calls = nullptr;
  return calls;
}

struct Losses {
  int states = 0, lost = 0, damaged = 0;  // damaged: states with a checkpoint that had to be left out
};

// After any number of the calls, in any state: is there the last checkpoint that was promised, or a later one?
Losses count_losses(const std::vector<DiskCall> &calls) {
  Losses losses;
  Disk disk;
  int promised = 0;
  for (const DiskCall &call : calls) {
    disk.apply(call);
    if (call.kind == DiskCall::mark) promised = call.value;
    disk.each_state([&](const std::map<std::string, Bytes> &state) {
      const TemporaryFolder folder;
      for (const auto &[name, bytes] : state) image_test::save(folder / name, bytes);
      bool damaged = false;
      const auto found = CheckpointFolder(folder.path(), 2).newest([&](const std::string &) { damaged = true; });
      const auto a = found.archive.tensors.find("a");
      const int step = a == found.archive.tensors.end() ? 0 : static_cast<int>(a->second.f32()[0]) / 100;
      losses.states++;
      losses.damaged += damaged ? 1 : 0;
      losses.lost += step < promised ? 1 : 0;
      if (step > 0) {
        EXPECT_TRUE(found.archive.tensors == archive_of(step).tensors);
      }
    });
  }
  return losses;
}

std::vector<DiskCall> without(std::vector<DiskCall> calls, DiskCall::Kind kind) {
  std::erase_if(calls, [&](const DiskCall &call) { return call.kind == kind; });
  return calls;
}

TEST(PowerLoss, WhatWasSavedIsThereWheneverThePowerGoes) {
  const std::vector<DiskCall> calls = calls_of_saves();
  const Losses losses = count_losses(calls);
  EXPECT_EQ(losses.lost, 0) << losses.states << " states";
  EXPECT_GT(losses.states, 200);
  std::cout << calls.size() << " calls, " << losses.states << " states of the disk, " << losses.lost << " losses\n";
}

// The model is no use if it finds nothing wrong with a program that does not sync.
TEST(PowerLoss, WithoutSyncingCheckpointsAreLost) {
  const std::vector<DiskCall> calls = calls_of_saves();
  const Losses files = count_losses(without(calls, DiskCall::sync));
  EXPECT_GT(files.lost, 0);
  EXPECT_GT(files.damaged, 0);
  const std::vector<DiskCall> first(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(calls.size() / 3));
  EXPECT_GT(count_losses(without(first, DiskCall::sync_folder)).lost, 0);
}

}  // namespace
}  // namespace sluice::testing
