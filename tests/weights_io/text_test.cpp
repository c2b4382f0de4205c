// SPDX-License-Identifier: Apache-2.0
#include "weights_io/text.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Long stretches of ASCII are passed eight bytes at a time: what is not ASCII stands at every place among them.
TEST(Text, Utf8AtEveryPlace) {
  for (std::size_t before = 0; before < 20; ++before) {
    for (std::size_t after = 0; after < 20; ++after) {
      const std::string head(before, 'a'), tail(after, '\x7f');
      for (const char *good : {"", "\xc2\x80", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_valid_utf8(head + good + tail)) << before << " before '" << good << "', " << after << " after";
      for (const char *bad : {"\x80", "\xff", "\xc2", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf", "\xed\xa0\x80",
                              "\xf4\x90\x80\x80", "\xe0\x80\x80"})
        EXPECT_FALSE(is_valid_utf8(head + bad + tail))
            << before << " before, " << after << " after: " << in_quotes(bad);
    }
  }
}

}  // namespace
}  // namespace sluice
