// SPDX-License-Identifier: Apache-2.0
// Expressions of graph files: values, canonical text, and the reason of every refusal.
#include "runtime/expression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using test::message_of;

std::optional<std::string> lookup(const std::string &name) {
  static const std::map<std::string, std::string> kValues = {
      {"width", "48"}, {"slope", "0.25"}, {"act", "elu"}, {"most", "9223372036854775807"}, {"a.b_1", "3"}};
  const auto found = kValues.find(name);
  return found == kValues.end() ? std::nullopt : std::optional(found->second);
}

std::string value(const std::string &text) { return evaluate(text, lookup); }

std::string refusal(const std::string &text) {
  return message_of(ErrorCode::bad_file, [&] { value(text); });
}

TEST(Expression, Integers) {
  EXPECT_EQ(value("7"), "7");
  EXPECT_EQ(value("007"), "7");
  EXPECT_EQ(value("-1"), "-1");
  EXPECT_EQ(value("--1"), "1");
  EXPECT_EQ(value("2+3*4"), "14");
  EXPECT_EQ(value("(2+3)*4"), "20");
  EXPECT_EQ(value("10-3-2"), "5");
  EXPECT_EQ(value("96/4/2"), "12");
  EXPECT_EQ(value("-2*-3"), "6");
  EXPECT_EQ(value("4--3"), "7");
  EXPECT_EQ(value("17%5"), "2");
  EXPECT_EQ(value("-7%3"), "-1");
  EXPECT_EQ(value("2*(3-(4-5))"), "8");
}

TEST(Expression, Names) {
  EXPECT_EQ(value("width"), "48");
  EXPECT_EQ(value("2*width/3"), "32");
  EXPECT_EQ(value("-width"), "-48");
  EXPECT_EQ(value("width*slope"), "12");
  EXPECT_EQ(value("slope/2"), "0.125");
  EXPECT_EQ(value("a.b_1+1"), "4");
  EXPECT_EQ(evaluate("1+1", nullptr), "2");
}

TEST(Expression, Reals) {
  EXPECT_EQ(value("0.2"), "0.2");
  EXPECT_EQ(value(".5"), "0.5");
  EXPECT_EQ(value("5."), "5");
  EXPECT_EQ(value("1e-3"), "0.001");
  EXPECT_EQ(value("2.5E+2"), "250");
  EXPECT_EQ(value("1e2-3"), "97");
  EXPECT_EQ(value("2.0*3"), "6");
  EXPECT_EQ(value("1.0/4"), "0.25");
  EXPECT_EQ(value("7.5%2"), "1.5");
  EXPECT_EQ(value("-0.0"), "0");
  EXPECT_EQ(value("1-0.75"), "0.25");
  EXPECT_EQ(value("-0.5+1"), "0.5");
}

TEST(Expression, RealsComeBackExactly) {
  const std::string text = value("1/127.5");
  ASSERT_TRUE(as_number(text));
  EXPECT_EQ(*as_number(text), 1 / 127.5);
  EXPECT_EQ(value(text), text);
  EXPECT_EQ(value("9007199254740993.0"), value(value("9007199254740993.0")));
  EXPECT_EQ(as_number(value("1e300")), 1e300);
}

TEST(Expression, Refusals) {
  EXPECT_EQ(refusal("8/3"), "8/3 leaves a remainder (write 8.0/3 for a real quotient) in '8/3'");
  EXPECT_EQ(refusal("1/(2-2)"), "division by zero in '1/(2-2)'");
  EXPECT_EQ(refusal("1%0"), "division by zero in '1%0'");
  EXPECT_EQ(refusal("1/0.0"), "division by zero in '1/0.0'");
  EXPECT_EQ(refusal("3x3"), "bad number '3x3' in '3x3'");
  EXPECT_EQ(refusal("1.2.3"), "bad number '1.2.3' in '1.2.3'");
  EXPECT_EQ(refusal("1e"), "bad number '1e' in '1e'");
  EXPECT_EQ(refusal("1e999"), "bad number '1e999' in '1e999'");
  EXPECT_EQ(refusal("0x10"), "bad number '0x10' in '0x10'");
  EXPECT_EQ(refusal("2*height"), "unknown name 'height' in '2*height'");
  EXPECT_EQ(refusal("act"), "'act' is 'elu', not a number, in 'act'");
  EXPECT_EQ(refusal(""), "a value is missing at the end in ''");
  EXPECT_EQ(refusal("2*"), "a value is missing at the end in '2*'");
  EXPECT_EQ(refusal("*2"), "unexpected '*' in '*2'");
  EXPECT_EQ(refusal("+2"), "unexpected '+' in '+2'");
  EXPECT_EQ(refusal("(2"), "missing ')' in '(2'");
  EXPECT_EQ(refusal("2)"), "unexpected ')' in '2)'");
  EXPECT_EQ(refusal("2 3"), "unexpected ' ' in '2 3'");
  EXPECT_EQ(refusal("2\x01"), "unexpected '\\x01' in '2\\x01'");
  EXPECT_EQ(refusal("most+1"), "the value does not fit 64 bits in 'most+1'");
  EXPECT_EQ(refusal("-most-2"), "the value does not fit 64 bits in '-most-2'");
  EXPECT_EQ(refusal("most*2"), "the value does not fit 64 bits in 'most*2'");
  EXPECT_EQ(refusal("(-most-1)/-1"), "the value does not fit 64 bits in '(-most-1)/-1'");
  EXPECT_EQ(value("(-most-1)%-1"), "0");
  EXPECT_EQ(refusal("9223372036854775808"), "'9223372036854775808' is too large in '9223372036854775808'");
  EXPECT_EQ(refusal("1e308*10"), "the value is not finite in '1e308*10'");
}

TEST(Expression, NestingIsLimited) {
  const auto nested = [](std::size_t n) { return std::string(n, '(') + "1" + std::string(n, ')'); };
  EXPECT_EQ(value(nested(60)), "1");
  EXPECT_TRUE(refusal(nested(100000)).starts_with("more than 64 nested parentheses or signs in '(((("));
  EXPECT_TRUE(refusal(std::string(100000, '-') + "1").starts_with("more than 64 nested"));
  std::string sum = "0";
  for (int i = 0; i < 1000; ++i) sum += "+(1)";
  EXPECT_EQ(value(sum), "1000");
}

TEST(Expression, WholeTextAsNumber) {
  EXPECT_EQ(as_integer("-12"), -12);
  EXPECT_FALSE(as_integer("12.0"));
  EXPECT_FALSE(as_integer(""));
  EXPECT_FALSE(as_integer("12 "));
  EXPECT_FALSE(as_integer("+1"));
  EXPECT_FALSE(as_integer("9223372036854775808"));
  EXPECT_EQ(as_number("-0.5"), -0.5);
  EXPECT_EQ(as_number("12"), 12);
  EXPECT_FALSE(as_number("inf"));
  EXPECT_FALSE(as_number("nan"));
  EXPECT_FALSE(as_number("1e999"));
  EXPECT_FALSE(as_number("0.5x"));
  EXPECT_FALSE(as_number(""));
}

}  // namespace
}  // namespace sluice
