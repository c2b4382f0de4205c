// SPDX-License-Identifier: Apache-2.0
// Every exception becomes a status and a message; structs of older and newer callers.
#include "runtime/c_api/status.h"

#include <gtest/gtest.h>

#include <new>
#include <string>
#include <thread>

namespace sluice::c_api {
namespace {

template <typename Exception>
sluice_status status_of(const Exception &exception) {
  return guarded([&] { throw exception; });
}

TEST(CStatus, EveryExceptionHasOne) {
  EXPECT_EQ(guarded([] {}), SLUICE_OK);
  EXPECT_EQ(status_of(Error(ErrorCode::input_failed, "a")), SLUICE_ERROR_INPUT);
  EXPECT_EQ(status_of(Error(ErrorCode::usage, "b")), SLUICE_ERROR_USAGE);
  EXPECT_EQ(status_of(Error(ErrorCode::not_found, "c")), SLUICE_ERROR_NOT_FOUND);
  EXPECT_EQ(status_of(Error(ErrorCode::bad_file, "d")), SLUICE_ERROR_BAD_FILE);
  EXPECT_STREQ(sluice_last_error(), "d");
  EXPECT_EQ(status_of(Error(ErrorCode::interrupted, "e")), SLUICE_CANCELLED);
  EXPECT_EQ(status_of(std::bad_alloc()), SLUICE_ERROR_MEMORY);
  EXPECT_STREQ(sluice_last_error(), "out of memory");
  EXPECT_EQ(status_of(std::length_error("too long")), SLUICE_ERROR_MEMORY);
  EXPECT_EQ(status_of(std::runtime_error("other")), SLUICE_ERROR_INTERNAL);
  EXPECT_STREQ(sluice_last_error(), "other");
  EXPECT_EQ(status_of(7), SLUICE_ERROR_INTERNAL);
  EXPECT_EQ(guarded([] {}), SLUICE_OK);
  EXPECT_STRNE(sluice_last_error(), "") << "a success leaves the message";
}

TEST(CStatus, NamesAreDistinct) {
  EXPECT_STREQ(sluice_status_name(SLUICE_OK), "ok");
  EXPECT_STREQ(sluice_status_name(SLUICE_CANCELLED), "cancelled");
  EXPECT_STREQ(sluice_status_name(static_cast<sluice_status>(99)), "unknown");
}

TEST(CStatus, MessagesBelongToTheirThread) {
  status_of(Error(ErrorCode::usage, "of this thread"));
  std::thread([] {
    EXPECT_STREQ(sluice_last_error(), "");
    status_of(Error(ErrorCode::usage, "of the other"));
    EXPECT_STREQ(sluice_last_error(), "of the other");
  }).join();
  EXPECT_STREQ(sluice_last_error(), "of this thread");
}

TEST(CStatus, LongMessagesEndAtACharacter) {
  std::string text;
  while (text.size() < 6000) text += "\xC3\xA4";  // two bytes each
  status_of(Error(ErrorCode::usage, text));
  const std::string kept = sluice_last_error();
  EXPECT_GT(kept.size(), 4000U);
  EXPECT_LT(kept.size(), 4096U);
  EXPECT_EQ(kept, text.substr(0, kept.size()));
  EXPECT_EQ(kept.size() % 2, 0U);
}

TEST(CStructs, AnOlderCallerGetsDefaultsForWhatItDoesNotKnow) {
  sluice_model_options options{};
  options.struct_size = offsetof(sluice_model_options, device);
  options.parameter_count = 3;
  options.algorithm = "beyond the caller's struct";
  const sluice_model_options known = known_struct(&options, "options");
  EXPECT_EQ(known.parameter_count, 3U);
  EXPECT_EQ(known.algorithm, nullptr);
  EXPECT_EQ(known.struct_size, sizeof(sluice_model_options));
}

struct Newer {
  sluice_run_options known;
  int added;
};

TEST(CStructs, ANewerCallerMayLeaveItsOwnMembersAlone) {
  Newer newer{};
  newer.known.struct_size = sizeof(Newer);
  EXPECT_EQ(guarded([&] { known_struct(&newer.known, "options"); }), SLUICE_OK);
  newer.added = 1;
  EXPECT_EQ(guarded([&] { known_struct(&newer.known, "sluice_run_options"); }), SLUICE_ERROR_USAGE);
  EXPECT_NE(std::string(sluice_last_error()).find("sluice_run_options: a member is set that version"),
            std::string::npos);
}

TEST(CStructs, ASizeThatWasNeverSetIsRefused) {
  for (const size_t size : {size_t{0}, size_t{7}, size_t{4097}, ~size_t{0}}) {
    sluice_pixels pixels{};
    pixels.struct_size = size;
    EXPECT_EQ(guarded([&] { known_struct(&pixels, "pixels"); }), SLUICE_ERROR_USAGE) << size;
  }
  EXPECT_EQ(guarded([] { known_struct<sluice_pixels>(nullptr, "pixels"); }), SLUICE_OK);
}

TEST(CStructs, InitWritesNoByteBeyondTheCallersSize) {
  sluice_port port;
  std::memset(&port, 0x5A, sizeof port);
  ASSERT_EQ(sluice_port_init(&port, offsetof(sluice_port, element)), SLUICE_OK);
  EXPECT_EQ(port.struct_size, offsetof(sluice_port, element));
  EXPECT_EQ(port.name, nullptr);
  EXPECT_EQ(port.rank, 0);
  EXPECT_NE(port.first, 0) << "behind the caller's struct";
  EXPECT_EQ(sluice_port_init(nullptr, sizeof port), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_port_init(&port, 3), SLUICE_ERROR_USAGE);
  sluice_model_options options;
  sluice_run_options run;
  sluice_pixels pixels;
  EXPECT_EQ(sluice_model_options_init(&options, sizeof options), SLUICE_OK);
  EXPECT_EQ(sluice_run_options_init(&run, sizeof run), SLUICE_OK);
  EXPECT_EQ(sluice_pixels_init(&pixels, sizeof pixels), SLUICE_OK);
  EXPECT_EQ(pixels.order, SLUICE_RGB);
}

}  // namespace
}  // namespace sluice::c_api
