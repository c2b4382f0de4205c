// SPDX-License-Identifier: Apache-2.0
// Checkpoints when the system refuses: every call of the save path fails once in every way, and what was there before
// is there still.
#include "runtime/trainer/checkpoint_folder.h"

#include <cerrno>

#include "tests/runtime/trainer/system_calls.h"
#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

Archive archive_of(float value) {
  Archive archive;
  archive.metadata["kind"] = "test";
  for (const char *name : {"a", "b", "c"}) {
    StoredTensor &tensor = archive.tensors[name] = StoredTensor::of_f32({40, 50});
    for (int i = 0; i < 2000; i++) tensor.f32()[i] = value + static_cast<float>(i);
  }
  return archive;
}

int calls_of_a_save(const std::string &function) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  fault = {function};
  checkpoints.save(1, archive_of(1));
  const int calls = fault.seen;
  fault = {};
  return calls;
}

size_t temporary_files(const std::filesystem::path &folder) {
  size_t count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    count += entry.path().extension() == ".tmp" ? 1u : 0u;
  return count;
}

TEST(CheckpointFolder, EveryCallOfASaveMayFail) {
  for (const char *function : {"open", "pwrite", "fsync", "rename", "close"}) {
    const std::string called = function;
    const int calls = calls_of_a_save(called);
    ASSERT_GT(calls, 0) << function;
    for (int at = 0; at < calls; at++) {
      for (const int number : {ENOSPC, EIO, EDQUOT, EROFS, EACCES}) {
        const TemporaryFolder folder;
        CheckpointFolder checkpoints(folder.path(), 2);
        checkpoints.save(1, archive_of(1));
        fault = {function, at, number};
        bool failed = false;
        try {
          checkpoints.save(2, archive_of(2));
        } catch (const Error &error) {
          failed = true;
          EXPECT_EQ(error.code(), ErrorCode::input_failed) << error.what();
          EXPECT_NE(std::string(error.what()).find("step-000000000002"), std::string::npos) << error.what();
        }
        const int seen = fault.seen;
        fault = {};
        ASSERT_GT(seen, at) << function;
        const auto newest = checkpoints.newest(nullptr);
        const float first = newest.archive.tensors.at("a").f32()[0];
        // Once the file is renamed, only the sync of its folder is left to fail: then either may be found.
        EXPECT_TRUE(first == 1.0f || first == 2.0f);
        EXPECT_TRUE(failed || first == 2.0f) << function << " " << at << ": no error, and no new checkpoint";
        EXPECT_EQ(temporary_files(folder.path()), 0u) << function << " " << at;
        EXPECT_EQ(checkpoints.save(3, archive_of(3)).filename(), "step-000000000003.safetensors");
        EXPECT_EQ(checkpoints.newest(nullptr).archive.tensors.at("a").f32()[0], 3.0f);
        // What does not matter to the file, which is in its place by then: closing the folder's descriptor; a folder
        // that may be entered but not read, so that it cannot be synced.
        const bool last = at == calls - 1;
        const bool silent = last && ((called == "close") || (called == "open" && number == EACCES));
        EXPECT_EQ(failed, !silent) << function << " " << at << " " << number;
      }
    }
  }
}

TEST(CheckpointFolder, ShortAndInterruptedWritesAreCarriedOn) {
  const int calls = calls_of_a_save("pwrite");
  for (int at = 0; at < calls; at++) {
    for (const bool short_write : {true, false}) {
      const TemporaryFolder folder;
      CheckpointFolder checkpoints(folder.path(), 2);
      fault = {"pwrite", at, EINTR, 0, false, short_write};
      checkpoints.save(1, archive_of(5));
      fault = {};
      EXPECT_TRUE(checkpoints.newest(nullptr).archive.tensors == archive_of(5).tensors) << at;
    }
  }
}

TEST(CheckpointFolder, KeepsGenerationsAndTakesTheNewestThatIsWhole) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 3);
  for (int step = 1; step <= 5; step++) checkpoints.save(step, archive_of(static_cast<float>(step)));
  ASSERT_EQ(checkpoints.files().size(), 3u);
  image_test::Bytes bytes = image_test::load(checkpoints.files()[0]);
  bytes[bytes.size() / 2] ^= std::byte{1};
  image_test::save(checkpoints.files()[0], bytes);  // one bit of the newest
  image_test::save(checkpoints.files()[1], image_test::Bytes(bytes.begin(), bytes.begin() + 1000));  // half of the next
  std::vector<std::string> reports;
  const auto newest = checkpoints.newest([&](const std::string &text) { reports.push_back(text); });
  EXPECT_EQ(newest.archive.tensors.at("a").f32()[0], 3.0f);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_NE(reports[0].find("damaged"), std::string::npos) << reports[0];
}

TEST(CheckpointFolder, RemovesWhatAKilledProcessLeft) {
  const TemporaryFolder folder;
  image_test::save(folder / ".sluice-123-0.tmp", image_test::to_bytes("half"));
  const CheckpointFolder checkpoints(folder.path(), 2);
  EXPECT_EQ(temporary_files(folder.path()), 0u);
}

TEST(CheckpointFolder, ReadsNothingWithoutChecksums) {
  const TemporaryFolder folder;
  write_safetensors(folder / "plain.safetensors", archive_of(1));
  EXPECT_NE(message_of([&] { CheckpointFolder::read(folder / "plain.safetensors"); }).find("no checksums"),
            std::string::npos);
}

TEST(Trainer, StopsWhenTheDiskIsFullAndGoesOnWhenItIsNot) {
  const TemporaryFolder whole, parts;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  const Archive expected = state_after(recipe, train_options(whole.path()));
  for (const char *function : {"pwrite", "write", "fsync"}) {
    const std::filesystem::path out = parts / function;
    TrainEvents events;
    events.batch = [&](int64_t step, TensorMap &) {
      if (step == 13) fault = {function, 0, ENOSPC, 0, true};
    };
    const std::string message = message_of([&] { state_after(recipe, train_options(out), events); });
    fault = {};
    EXPECT_NE(message.find("No space left on device"), std::string::npos) << function << ": " << message;
    const Archive resumed = state_after(recipe, train_options(out, "latest"));
    for (const auto &[name, tensor] : expected.tensors) EXPECT_TRUE(tensor == resumed.tensors.at(name)) << name;
  }
}

}  // namespace
}  // namespace sluice::testing
