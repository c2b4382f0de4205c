// SPDX-License-Identifier: Apache-2.0
// The same weights in several containers become the same tensors. All containers of the fixtures are compared where
// they are found (SLUICE_SHARED, else beside the repository); what we write for PyTorch is always read back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/fixture.h"
#include "tests/weights_io/names_support.h"
#include "weights_io/checkpoint.h"
#include "weights_io/names/names.h"
#include "weights_io/safetensors.h"
#include "weights_io/torch/torch_writer.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

struct Network {
  const char *model, *folder, *safetensors;
  std::vector<const char *> others;  // the same weights
};

void PrintTo(const Network &network, std::ostream *out) { *out << network.safetensors; }

class Containers : public ::testing::TestWithParam<Network> {
 protected:
  const NamesFile names = read_names(test::model_file(GetParam().model + std::string(".names")));

  Conversion converted(const fs::path &file) const { return apply_names(names, *open_checkpoint(file)); }
  Conversion of_fixture() const {
    return converted(testing::fixture_path(GetParam().folder + std::string("/") + GetParam().safetensors));
  }
};

TEST_P(Containers, WhatIsWrittenForPyTorchIsReadBackBitForBit) {
  const test::Folder folder;
  const Conversion ours = of_fixture();
  const Export made = export_names(names, "", ours.tensors, "f");
  write_torch_zip(folder / "made.pth", {made.tensors, {}});
  const Conversion read = converted(folder / "made.pth");
  EXPECT_TRUE(read.tensors == ours.tensors);
  EXPECT_EQ(read.parameters, ours.parameters);
  // What was published comes out as it was, but for what is left out on the way in.
  const TensorMap published =
      read_safetensors(testing::fixture_path(GetParam().folder + std::string("/") + GetParam().safetensors)).tensors;
  for (const auto &[name, tensor] : made.tensors) {
    const auto found = std::find_if(published.begin(), published.end(), [&, end = name](const auto &entry) {
      return entry.first == end || entry.first.ends_with("." + end);
    });
    ASSERT_NE(found, published.end()) << name;
    EXPECT_TRUE(found->second == tensor) << name;
  }
}

TEST_P(Containers, AllGiveTheSameTensors) {
  const char *const named = std::getenv("SLUICE_SHARED");
  const fs::path shared = (named != nullptr ? fs::path(named) : test::source_dir() / "../shared") / "fixtures";
  if (!fs::exists(shared)) GTEST_SKIP() << "the other containers are not in the repository: set SLUICE_SHARED";
  const Conversion expected = of_fixture();
  for (const char *other : GetParam().others) {
    const Conversion read = converted(shared / GetParam().folder / other);
    EXPECT_TRUE(read.tensors == expected.tensors) << other;
    EXPECT_EQ(read.parameters, expected.parameters) << other;
    EXPECT_EQ(read.ignored, expected.ignored) << other;
  }
}

const Network kNetworks[] = {
    {"deepfill2",
     "deepfill2",
     "cnum8.safetensors",
     {"cnum8.zip.pth", "cnum8.legacy.pth", "cnum8.ckpt.index", "cnum8.ckpt", "cnum8.ckpt.data-00000-of-00001",
      "cnum8.tf_names.safetensors"}},
    {"sketchfill_shape",
     "sketchfill",
     "shape_generator.safetensors",
     {"shape_generator.zip.pth", "shape_generator.legacy.pth"}},
    {"sketchfill_shape_discriminator",
     "sketchfill",
     "shape_discriminator.safetensors",
     {"shape_discriminator.legacy.pth"}},
    {"sketchfill_appearance",
     "sketchfill",
     "appearance_generator.safetensors",
     {"appearance_generator.zip.pth", "appearance_generator.legacy.pth"}},
    {"sketchfill_appearance_discriminator",
     "sketchfill",
     "appearance_discriminator.safetensors",
     {"appearance_discriminator.zip.pth", "appearance_discriminator.legacy.pth"}},
    {"guidenet", "guidenet", "gn.safetensors", {"gn.legacy.pth"}},
    {"guidenet", "guidenet", "gns.safetensors", {"gns.zip.pth"}},
    {"dfn_steerable", "dfn", "steerable.safetensors", {"steerable.zip.pth", "steerable.legacy.pth"}},
    {"dfn_video", "dfn", "video.safetensors", {"video.zip.pth", "video.legacy.pth"}},
    {"spatio_temporal", "spatio_temporal", "net.safetensors", {}},
};

INSTANTIATE_TEST_SUITE_P(Fixtures, Containers, ::testing::ValuesIn(kNetworks), [](const auto &instance) {
  const std::string file = instance.param.safetensors;
  return instance.param.model + ("_" + file.substr(0, file.find('.')));
});

}  // namespace
}  // namespace sluice
