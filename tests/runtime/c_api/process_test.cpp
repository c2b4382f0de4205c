// SPDX-License-Identifier: Apache-2.0
// Version, threads, kernels and devices of the process; the header as a C99 program sees it.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "runtime/c_api/sluice.h"

extern "C" int sluice_test_c99(void);  // header_test.c: 0, or the number of the check that failed

namespace sluice {
namespace {

TEST(CProcess, TheVersionIsTheProjects) {
  EXPECT_EQ(sluice_version(), SLUICE_VERSION);
  EXPECT_STREQ(sluice_version_text(), SLUICE_PROJECT_VERSION);
}

TEST(CProcess, Threads) {
  EXPECT_EQ(sluice_set_threads(0), SLUICE_OK);
  EXPECT_EQ(sluice_set_threads(-1), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_set_threads(257), SLUICE_ERROR_USAGE);
  EXPECT_NE(std::strstr(sluice_last_error(), "1 to 256"), nullptr);
}

TEST(CProcess, Kernels) {
  const char *set = nullptr;
  ASSERT_EQ(sluice_kernel_set(&set), SLUICE_OK);
  EXPECT_TRUE(std::string(set) == "avx2" || std::string(set) == "avx512") << set;
  EXPECT_EQ(sluice_kernel_set(nullptr), SLUICE_ERROR_USAGE);
}

TEST(CProcess, Devices) {
  EXPECT_EQ(sluice_device_check("cpu"), SLUICE_OK);
  EXPECT_EQ(sluice_device_check("abacus"), SLUICE_ERROR_NOT_FOUND);
  EXPECT_EQ(sluice_device_check("cuda:many"), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_device_check(nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_leave_cuda(nullptr, nullptr), SLUICE_ERROR_USAGE);
}

TEST(CProcess, TheHeaderIsC99) { EXPECT_EQ(sluice_test_c99(), 0); }

}  // namespace
}  // namespace sluice
