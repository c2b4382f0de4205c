// SPDX-License-Identifier: Apache-2.0
// Checkpoints that PyTorch, numpy and the safetensors library wrote in odd ways: each gives the expected tensors bit
// for bit, or is refused for the expected reason. tests/weights_io/checkpoints/make_checkpoints.py says what is in
// them.
#include <gtest/gtest.h>

#include <set>

#include "tests/weights_io/support.h"
#include "weights_io/checkpoint.h"
#include "weights_io/safetensors.h"
#include "weights_io/torch/torch_writer.h"

namespace sluice {
namespace {

using test::message_of;
using ::testing::IsSubstring;
using Others = std::map<std::string, std::string>;

constexpr CheckpointFormat kZip = CheckpointFormat::torch_zip, kLegacy = CheckpointFormat::torch_legacy,
                           kSafetensors = CheckpointFormat::safetensors;

struct ReadRow {
  const char *file;
  CheckpointFormat format;
  const char *expected;  // <expected>.expected.safetensors
  Others others = {};
};

const Others kMixed = {{"array", "a numpy array"},
                       {"bytes", "bytes"},
                       {"column_major", "a numpy array"},
                       {"complex", "a number"},
                       {"device", "a device"},
                       {"dtype", "an element type"},
                       {"epoch", "a number"},
                       {"huge", "a number"},
                       {"loss", "a number"},
                       {"negative", "a number"},
                       {"none", "None"},
                       {"note", "a string"},
                       {"options", "a namespace of options"},
                       {"path", "a path"},
                       {"scalar", "a number"},
                       {"set", "a set"},
                       {"size", "a tuple of 2 values"},
                       {"strings", "a numpy array"},
                       {"yes", "a truth value"}};
const Others kNested = {{"long.0", "a number"},
                        {"long.1", "a number"},
                        {"long.2", "a number"},
                        {"none", "a list of 0 values"},
                        {"nothing", "a dictionary of 0 values"}};
const Others kTrainingRun = {{"iteration", "a number"},
                             {"optimizer.param_groups", "a list of 1 value"},
                             {"schedule", "a dictionary of 8 values"}};
const Others kUnusual = {{"complex64", "a tensor of type complex64, which is not read"},
                         {"float8", "a tensor of type float8_e4m3fn, which is not read"},
                         {"meta", "a tensor without data"},
                         {"quantized", "a quantized tensor, which is not read"},
                         {"sparse", "a sparse tensor, which is not read"},
                         {"uint16", "a tensor of type uint16, which is not read"}};
const Others kOld = {{"array", "a numpy array"}, {"best", "a number"},   {"epoch", "a number"},
                     {"name", "a string"},       {"scalar", "a number"}, {"options", "a namespace of options"}};

// Files NAME_legacy.pth and NAME_zip.pth stand in both containers.
const ReadRow kRead[] = {
    {"bare_tensor.pth", kZip, "bare_tensor"},
    {"integer_keys_legacy.pth", kLegacy, "integer_keys"},
    {"integer_keys_zip.pth", kZip, "integer_keys"},
    {"library.safetensors", kSafetensors, "library"},
    {"mixed_legacy.pth", kLegacy, "mixed", kMixed},
    {"mixed_zip.pth", kZip, "mixed", kMixed},
    {"module_prefix_legacy.pth", kLegacy, "module_prefix"},
    {"module_prefix_zip.pth", kZip, "module_prefix"},
    {"negated_view.pth", kZip, "negated_view", {{"w", "a tensor with its sign bit set apart, which is not read"}}},
    {"nested_legacy.pth", kLegacy, "nested", kNested},
    {"nested_zip.pth", kZip, "nested", kNested},
    {"parameters_legacy.pth", kLegacy, "parameters"},
    {"parameters_zip.pth", kZip, "parameters"},
    {"python2_keys_legacy.pth", kLegacy, "python2_keys"},
    {"python2_keys_zip.pth", kZip, "python2_keys"},
    {"ranks_legacy.pth", kLegacy, "ranks"},
    {"ranks_zip.pth", kZip, "ranks"},
    {"small_aligned_512.pth", kZip, "small"},
    {"small_cuda_legacy.pth", kLegacy, "small"},
    {"small_cuda_zip.pth", kZip, "small"},
    {"small_no_byteorder.pth", kZip, "small"},
    {"small_no_crc.pth", kZip, "small"},
    {"small_rezipped.pth", kZip, "small"},
    {"spectral_norm_new_legacy.pth", kLegacy, "spectral_norm_new"},
    {"spectral_norm_new_zip.pth", kZip, "spectral_norm_new"},
    {"spectral_norm_old_legacy.pth", kLegacy, "spectral_norm_old"},
    {"spectral_norm_old_zip.pth", kZip, "spectral_norm_old"},
    {"torch_1.12_python3_legacy.pth", kLegacy, "torch_old", kOld},
    {"torch_1.12_python3_zip.pth", kZip, "torch_old", kOld},
    {"torch_1.4_python2_legacy.pth", kLegacy, "torch_old", kOld},
    {"torch_1.4_python2_zip.pth", kZip, "torch_old", kOld},
    {"torch_1.6_python3_legacy.pth", kLegacy, "torch_old", kOld},
    {"torch_1.6_python3_zip.pth", kZip, "torch_old", kOld},
    {"training_run_legacy.pth", kLegacy, "training_run", kTrainingRun},
    {"training_run_zip.pth", kZip, "training_run", kTrainingRun},
    {"types_legacy.pth", kLegacy, "types"},
    {"types_zip.pth", kZip, "types"},
    {"unpadded.safetensors", kSafetensors, "unpadded"},
    {"unusual_legacy.pth", kLegacy, "unusual", kUnusual},
    {"unusual_zip.pth", kZip, "unusual", kUnusual},
    {"views_legacy.pth", kLegacy, "views"},
    {"views_legacy_protocol3.pth", kLegacy, "views"},
    {"views_legacy_protocol4.pth", kLegacy, "views"},
    {"views_legacy_protocol5.pth", kLegacy, "views"},
    {"views_zip.pth", kZip, "views"},
    {"views_zip_protocol3.pth", kZip, "views"},
    {"views_zip_protocol4.pth", kZip, "views"},
    {"views_zip_protocol5.pth", kZip, "views"},
    {"written_by_sluice.pth", kZip, "written_by_sluice"},
};

struct RefusedRow {
  const char *file;
  const char *reason;
};

const RefusedRow kRefused[] = {
    {"circle.pth", "its pickle holds a container that contains itself"},
    {"module_legacy.pth", "calls 'torch.nn.modules.linear.Linear', which no weights need: nothing in it was run"},
    {"module_zip.pth", "calls 'torch.nn.modules.linear.Linear', which no weights need: nothing in it was run"},
    {"same_name_twice.pth", "two tensors named 'a.b'"},
    {"small_big_endian.pth", "its numbers are big endian, which is not read"},
    {"small_deflated.pth", "is compressed, which torch never does: unpack it, and pack it again as it was"},
    {"torchscript.pt", "is a TorchScript program, not weights"},
};

constexpr const char *kExpectedEnding = ".expected.safetensors";

std::filesystem::path folder() { return test::source_dir() / "tests/weights_io/checkpoints"; }

std::vector<std::string> names(const TensorMap &tensors) {
  std::vector<std::string> result;
  for (const auto &[name, tensor] : tensors) result.push_back(name);
  return result;
}

TEST(OddCheckpoints, HoldTheExpectedTensors) {
  for (const ReadRow &row : kRead) {
    SCOPED_TRACE(row.file);
    const Archive expected = read_safetensors(folder() / (std::string(row.expected) + kExpectedEnding));
    const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(folder() / row.file);
    EXPECT_EQ(checkpoint->format(), row.format);
    EXPECT_EQ(checkpoint->others(), row.others);
    const Archive actual = read_all(*checkpoint);
    EXPECT_EQ(names(actual.tensors), names(expected.tensors));
    for (const auto &[name, tensor] : actual.tensors) {
      EXPECT_TRUE(expected.tensors.count(name) != 0 && tensor == expected.tensors.at(name)) << name;
      EXPECT_EQ(checkpoint->tensors().at(name).dtype, tensor.dtype) << name;
      EXPECT_EQ(checkpoint->tensors().at(name).shape, tensor.shape) << name;
    }
  }
}

TEST(OddCheckpoints, AreRefusedByName) {
  for (const RefusedRow &row : kRefused) {
    SCOPED_TRACE(row.file);
    const std::string message =
        message_of(ErrorCode::bad_file, [&] { read_all(*open_checkpoint(folder() / row.file)); });
    EXPECT_PRED_FORMAT2(IsSubstring, std::string(row.file) + ": ", message);
    EXPECT_PRED_FORMAT2(IsSubstring, row.reason, message);
  }
}

TEST(OddCheckpoints, EveryFileHasARow) {
  std::set<std::string> files, rows;
  for (const auto &entry : std::filesystem::directory_iterator(folder())) {
    if (entry.is_regular_file() && entry.path().extension() != ".py") files.insert(entry.path().filename().string());
  }
  for (const ReadRow &row : kRead) {
    EXPECT_TRUE(rows.insert(row.file).second) << row.file << " has two rows";
    rows.insert(std::string(row.expected) + kExpectedEnding);
  }
  for (const RefusedRow &row : kRefused) EXPECT_TRUE(rows.insert(row.file).second) << row.file << " has two rows";
  EXPECT_EQ(files, rows);
}

// What torch wrote, read and written again, is what torch would read: nothing is lost on the way there and back.
TEST(OddCheckpoints, SurviveTheWayToTorchAndBack) {
  const test::Folder temporary;
  for (const ReadRow &row : kRead) {
    SCOPED_TRACE(row.file);
    const Archive archive = read_all(*open_checkpoint(folder() / row.file));
    const std::filesystem::path path = temporary / (std::string(row.file) + ".pth");
    write_torch_zip(path, archive);
    EXPECT_EQ(read_all(*open_checkpoint(path)).tensors, archive.tensors);
  }
}

}  // namespace
}  // namespace sluice
