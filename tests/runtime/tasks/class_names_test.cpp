// SPDX-License-Identifier: Apache-2.0
// Classes by name and by number.
#include "runtime/tasks/class_names.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/message_of.h"

namespace sluice {
namespace {

using testing::message_of;

TEST(ClassCount, IsTheParameterOfTheGraph) {
  Graph graph;
  EXPECT_EQ(class_count(graph), 0);
  graph.parameters["classes"] = "6";
  EXPECT_EQ(class_count(graph), 6);
  graph.parameters["classes"] = "many";
  EXPECT_EQ(class_count(graph), 0);
}

TEST(ClassNames, AreThoseOfTheWeightsOrPublished) {
  const std::vector<std::string> published = class_names("", 10);
  ASSERT_EQ(published.size(), 10u);
  EXPECT_TRUE(std::is_sorted(published.begin(), published.end()));
  EXPECT_EQ(published[0], "basketball");
  EXPECT_EQ(published[6], "pineapple");
  EXPECT_TRUE(class_names("", 6).empty());
  EXPECT_TRUE(class_names("", 0).empty());
  EXPECT_EQ(class_names("bicycle, cat ,\tteddy bear", 3), (std::vector<std::string>{"bicycle", "cat", "teddy bear"}));
  EXPECT_EQ(class_names("cat", 0), std::vector<std::string>{"cat"});
  EXPECT_EQ(message_of([] { class_names("a,b", 10); }),
            "the weights' metadata 'classes' lists 2 names, the graph has 10");
  EXPECT_EQ(
      message_of([] { class_names("cat,a\x1b[2J", 2); }),
      "the weights' metadata 'classes' lists 'a\\x1b[2J': expected names of at most a hundred bytes, without control "
      "characters");
}

TEST(ClassNumber, IsFoundByNameAndByNumber) {
  const std::vector<std::string> names = class_names("", 10);
  EXPECT_EQ(class_number("pineapple", names, 10), 6);
  EXPECT_EQ(class_number("Watermelon", names, 10), 9);
  EXPECT_EQ(class_number("0", names, 10), 0);
  EXPECT_EQ(class_number("9", names, 10), 9);
  EXPECT_EQ(class_number("5", {}, 6), 5);
  EXPECT_EQ(class_number("123", {}, 0), 123);
}

TEST(ClassNumber, ListsNoMoreThanFiftyNames) {
  const std::string message = message_of([] { class_number("x", std::vector<std::string>(51, "cat"), 51); });
  EXPECT_NE(message.find("cat, ...; or a number from 0 to 50"), std::string::npos) << message;
  EXPECT_LT(message.size(), 400u);
}

TEST(ClassNumber, RefusesWhatIsNoClass) {
  const std::vector<std::string> names{"cat", "chair"};
  EXPECT_EQ(message_of([&] { class_number("dog", names, 2); }),
            "no class 'dog'; expected one of cat, chair; or a number from 0 to 1");
  EXPECT_EQ(message_of([] { class_number("6", {}, 6); }), "no class '6'; expected a number from 0 to 5");
  EXPECT_EQ(message_of([] { class_number("cat", {}, 0); }), "no class 'cat'; expected a number from 0 on");
  for (const char *wrong : {"", "-1", "1x", "2", "99999999999999999999"}) {
    EXPECT_NE(message_of([&] { class_number(wrong, names, 2); }), "no error") << wrong;
  }
}

}  // namespace
}  // namespace sluice
