// SPDX-License-Identifier: Apache-2.0
// Where modules are looked for, and what is said when they are not there.
#include "runtime/module_file.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

namespace fs = std::filesystem;

TEST(ModuleFile, ThisBinaryIsTheTest) { EXPECT_EQ(this_binary(), fs::read_symlink("/proc/self/exe")); }

TEST(ModuleFile, BesideTheBinaryFirst) {
  const auto places = module_places("sluice_some.so");
  ASSERT_EQ(places.size(), 3U);
  EXPECT_EQ(places[0], this_binary().parent_path() / "sluice_some.so");
  EXPECT_EQ(places[1], this_binary().parent_path() / "sluice" / "sluice_some.so");
  EXPECT_EQ(places[2].parent_path().filename(), "sluice");
}

TEST(ModuleFile, AMissingOneNamesThePlaces) {
  std::string why;
  EXPECT_EQ(open_module("sluice_nowhere.so", RTLD_NOW, why), nullptr);
  for (const fs::path &place : module_places("sluice_nowhere.so"))
    EXPECT_NE(why.find(place.string()), std::string::npos) << why;
}

}  // namespace
}  // namespace sluice
