// SPDX-License-Identifier: Apache-2.0
// The grammar of names files, with the line of every mistake.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/weights_io/support.h"
#include "weights_io/names/names.h"

namespace sluice {
namespace {

using test::message_of;
using ::testing::IsSubstring;

struct Mistake {
  const char *what, *text, *message;
};

void PrintTo(const Mistake &mistake, std::ostream *out) { *out << mistake.text; }

class NamesMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(NamesMistake, IsRefusedWithItsLine) {
  EXPECT_EQ(message_of(ErrorCode::bad_file, [&] { parse_names(GetParam().text, "n"); }), GetParam().message);
}

constexpr const char *kParamForm =
    "n:1: expected: param NAME = [sqrt] TENSOR[AXIS] and + - * / with numbers or TENSOR[AXIS], from left to right";

constexpr const char *kConstantForm = "n:2: expected: constant NAME[EXTENT,...] = NUMBER ...";
constexpr const char *kSolveForm = "n:2: expected: solve PATTERN = PATTERN, PATTERN [by PATTERN]";
constexpr const char *kKnownForm = "n:1: expected: known SHA256 licence=ID TEXT, with 64 lower-case hexadecimal digits";
#define SHA_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

const Mistake kMistakes[] = {
    {"Empty", "", "n:1: no model"},
    {"NoDialect", "model m", "n:1: no dialect"},
    {"EmptyDialect", "model m\ndialect d", "n:2: dialect 'd' has no names"},
    {"SecondModel", "model m\nmodel k", "n:2: a second model"},
    {"ModelOfTwoWords", "model m n", "n:1: expected: model NAME"},
    {"ControlCharacter", "model m\ndialect d\x1b[2J", "n:2: control character \\x1b"},
    {"Delete", "# \x7f", "n:1: control character \\x7f"},
    {"NotUtf8", "model m\xff", "n:1: the line is not UTF-8 text"},
    {"UnknownStatement", "\n\nfoo bar",
     "n:3: 'foo' begins no statement (model, set, param, picture, known, dialect, prefix, same, constant, ignore, "
     "rename, solve, or NAME -> NAME)"},
    {"RuleBeforeDialect", "a -> b", "n:1: comes before the first dialect"},
    {"IgnoreBeforeDialect", "ignore b", "n:1: comes before the first dialect"},
    {"IgnoreNothing", "dialect d\nignore", "n:2: expected: ignore PATTERN ..."},
    {"SecondDialect", "dialect d\ndialect d", "n:2: a second dialect 'd'"},
    {"EmptySet", "set a =", "n:1: expected: set NAME = WORD ..."},
    {"SecondSet", "set a = b\nset a = c", "n:2: set 'a' is already defined"},
    {"AddToNoSet", "set a += b", "n:1: set 'a' is not yet defined"},
    {"WordTwiceInSet", "set a = b b", "n:1: 'b' is in set 'a' already"},
    {"BracesInSet", "set a = {b}", "n:1: '{b}' is no word"},
    {"UnknownSet", "dialect d\n{a} -> {a}", "n:2: no set 'a'"},
    {"UnboundSet", "set a = b\ndialect d\nx -> {a}", "n:3: {a} is not on the left of '->'"},
    {"OpenBrace", "set a = b\ndialect d\n{a -> x", "n:3: braces do not match in '{a'"},
    {"CloseBrace", "set a = b\ndialect d\na} -> x", "n:3: braces do not match in 'a}'"},
    {"TwoNamesOnTheLeft", "dialect d\na b -> c", "n:2: expected one name before '->'"},
    {"NothingOnTheRight", "dialect d\na ->", "n:2: expected names, with commas between them, after '->'"},
    {"NoCommas", "dialect d\na -> b c", "n:2: expected names, with commas between them, after '->'"},
    {"ExtraComma", "dialect d\na -> b, layout=o", "n:2: expected names, with commas between them, after '->'"},
    {"UnknownAxis", "dialect d\na -> b layout=ox", "n:2: layout 'ox': expected axes out of 'oithw', or AXES:AXES"},
    {"AxisTwice", "dialect d\na -> b layout=oo:oo", "n:2: layout 'oo:oo': expected axes out of 'oithw', or AXES:AXES"},
    {"LayoutTwice", "dialect d\na -> b layout=o layout=o", "n:2: 'layout=o' is given twice"},
    {"OtherAxesWanted", "dialect d\na -> b layout=oi:oh",
     "n:2: layout 'oi:oh': expected axes out of 'oithw', or AXES:AXES"},
    {"TwoNamesNoSplit", "dialect d\na -> b, c layout=o", "n:2: several names need split=AXIS, and one name none"},
    {"OneNameSplit", "dialect d\na -> b layout=o split=o", "n:2: several names need split=AXIS, and one name none"},
    {"SplitWithoutLayout", "dialect d\na -> b, c split=o", "n:2: split 'o' is no axis of layout ''"},
    {"SplitOfAnotherAxis", "dialect d\na -> b, c layout=hw split=o", "n:2: split 'o' is no axis of layout 'hw'"},
    {"SourceTwice", "model m\ndialect d\na -> b\na -> c", "n:4: 'a' comes twice"},
    {"TargetTwice", "model m\nset s = x y\ndialect d\n{s} -> b", "n:4: 'b' is made twice"},
    {"DialectsDiffer", "model m\ndialect d\na -> b\ndialect e\na -> c",
     "n:4: dialects 'd' and 'e' must make the same tensors; 'b' is in one only"},
    {"ParamForm", "param a = b", kParamForm},
    {"ParamOperator", "param a = b[0] +- 1", kParamForm},
    {"ParamAxis", "param a = b[x]", "n:1: 'x' is no number of at least 0"},
    {"ParamNegativeAxis", "param a = b[-1]", "n:1: '-1' is no number of at least 0"},
    {"ParamZero", "param a = b[0] / 0", "n:1: '0' is no number of at least 1"},
    {"ParamHuge", "param a = b[0] * 4294967296", "n:1: '4294967296' is no number of at least 1"},
    {"ParamTwice", "param a = b[0]\nparam a = b[0]", "n:2: a second param 'a'"},
    {"ParamOfNothing", "model m\nparam a = b[0] - z[0]\ndialect d\na -> b", "n:2: no dialect makes 'z'"},
    {"EmptyRange", "set a = 3..2", "n:1: '3..2' is no range"},
    {"TooManyWords", "set a = 0..9999 x", "n:1: more than 10000 words in set 'a'"},
    {"LikeNothing", "dialect d like e", "n:1: no dialect 'e' above"},
    {"SameForm", "dialect d\nsame a b", "n:2: expected: same NAME = NAME"},
    {"SameNamed", "model m\ndialect d\na -> b\nc -> d\nsame a = c", "n:5: 'a' comes twice"},
    {"SameOfNothing", "model m\ndialect d\na -> b\nsame c = d", "n:4: 'd' is not named"},
    {"PrefixNothing", "dialect d\nprefix", "n:2: expected: prefix PREFIX ..."},
    {"ConstantForm", "dialect d\nconstant a = 1", kConstantForm},
    {"ConstantWithoutName", "dialect d\nconstant [1] = 1", kConstantForm},
    {"ConstantWithoutNumbers", "dialect d\nconstant a[1] =", kConstantForm},
    {"ConstantExtent", "dialect d\nconstant a[0] = 1", "n:2: '0' is no number of at least 1"},
    {"ConstantHuge", "dialect d\nconstant a[2000000000,2000000000,2000000000] = 1", kConstantForm},
    {"ConstantCount", "dialect d\nconstant a[2,2] = 1 2 3", "n:2: 3 numbers for 4 elements"},
    {"ConstantNumber", "dialect d\nconstant a[1] = 1x", "n:2: '1x' is no number"},
    {"ConstantOutOfRange", "dialect d\nconstant a[1] = 1e99", "n:2: '1e99' is no number"},
    {"ConstantNamed", "model m\ndialect d\na -> b\nconstant a[1] = 1", "n:4: 'a' comes twice"},
    {"ConstantBeforeDialect", "constant a[1] = 1", "n:1: comes before the first dialect"},
    {"RenameForm", "dialect d\nrename a b", "n:2: expected: rename PATTERN = PATTERN"},
    {"RenameNoStar", "dialect d\nrename a = b*", "n:2: 'a' must have one '*'"},
    {"RenameTwoStars", "dialect d\nrename a* = *b*", "n:2: '*b*' must have one '*'"},
    {"RenameNothing", "dialect d\na -> b\nrename aa*a = c*", "n:3: no name above matches 'aa*a'"},
    {"RenameIntoAnother", "model m\ndialect d\na.x -> p\nb.x -> q\nrename b.* = a.*", "n:4: 'a.x' comes twice"},
    {"SolveForm", "dialect d\nsolve v* = w* u*", kSolveForm},
    {"SolveByNothing", "dialect d\nsolve v* = w*, u* by", kSolveForm},
    {"SolveNoStar", "dialect d\nsolve v = w*, u*", "n:2: 'v' must have one '*'"},
    {"SolveNothing", "dialect d\na -> b\nsolve v* = w*, u*", "n:3: no tensor above matches 'v*'"},
    {"SolveOfNothing", "model m\ndialect d\na -> v1\nb -> w1\nsolve v* = w*, u*", "n:5: 'u1' is not named"},
    {"SolveByNamed", "model m\ndialect d\na -> v1\nb -> w1\nc -> u1\nsolve v* = w*, u* by b*\nb1 -> x",
     "n:6: 'b1' comes twice"},
    {"KnownForm", "known 0 licence=MIT text", kKnownForm},
    {"KnownWithoutLicence", "known " SHA_OF_NOTHING " licence= text", kKnownForm},
    {"KnownWithoutText", "known " SHA_OF_NOTHING " licence=MIT", kKnownForm},
    {"KnownTwice", "known " SHA_OF_NOTHING " licence=MIT a\nknown " SHA_OF_NOTHING " licence=MIT b",
     "n:2: '" SHA_OF_NOTHING "' is known already"},
    {"PictureForm", "picture", "n:1: expected: picture TENSOR[AXIS] ..."},
    {"PictureWithoutAxis", "picture a", "n:1: expected: picture TENSOR[AXIS] ..."},
    {"PictureAxis", "picture a[b]", "n:1: 'b' is no number of at least 0"},
    {"PictureOfNothing", "model m\npicture z[0]\ndialect d\na -> b", "n:2: no dialect makes 'z'"},
    {"OnlyDroppedAxes", "dialect d\na -> b layout=11", "n:2: layout '11': expected axes out of 'oithw', or AXES:AXES"},
};

INSTANTIATE_TEST_SUITE_P(All, NamesMistake, ::testing::ValuesIn(kMistakes),
                         [](const auto &instance) { return std::string(instance.param.what); });

TEST(Names, TooManyNamesAreRefused) {
  std::string text = "model m\nset a =";
  for (int i = 0; i < 400; ++i) text += " w" + std::to_string(i);
  text += "\nset b = " + text.substr(text.find(" w")) + "\ndialect d\n{a}{b} -> {a}.{b}\n";
  EXPECT_PRED_FORMAT2(IsSubstring, "more than 100000 names",
                      message_of(ErrorCode::bad_file, [&] { parse_names(text, "n"); }));
}

// A small file that asks for much memory, or much time.
TEST(Names, ShortFilesOfMuchAreRefused) {
  const auto refusal = [](const std::string &text) {
    return message_of(ErrorCode::bad_file, [&] { parse_names(text, "n"); });
  };
  std::string many_sets, long_names = "set a = 0..9999\ndialect d\n{a}" + std::string(100'000, 'x') + " -> {a}";
  for (const char *name : {"a", "b", "c", "d"}) many_sets += std::string("set ") + name + " = 0..9999\n";
  EXPECT_EQ(refusal(many_sets), "n:4: more than 30000 words in all sets");
  EXPECT_EQ(refusal(long_names), "n:3: all names together take more than 16 MB");
  std::string likes = "set a = 0..9999\nset b = 0..4\ndialect d0\n{a}.{b} -> {a}.{b}\n";
  for (int i = 1; i < 50; ++i) likes += "dialect d" + std::to_string(i) + " like d0\n";
  EXPECT_PRED_FORMAT2(IsSubstring, "all names together take more than 16 MB", refusal(likes));
  std::string sets, dialects;
  for (int i = 0; i <= 1000; ++i) sets += "set s" + std::to_string(i) + " = a\n";
  EXPECT_EQ(refusal(sets), "n:1001: more than 1000 sets");
  for (int i = 0; i <= 100; ++i) dialects += "dialect d" + std::to_string(i) + "\n";
  EXPECT_EQ(refusal(dialects), "n:101: more than 100 dialects");
  std::string prefixes = "dialect d\nprefix", renames = "dialect d\na -> b\n", params;
  for (int i = 0; i <= 1000; ++i) {
    prefixes += " p";
    renames += "rename *a = *a\n";
    params += "param p" + std::to_string(i) + " = b[0]\n";
  }
  EXPECT_EQ(refusal(prefixes), "n:2: more than 1000 prefixes");
  EXPECT_EQ(refusal(renames), "n:1003: more than 1000 patterns");
  EXPECT_EQ(refusal(params), "n:1001: more than 1000 parameters");
}

TEST(Names, ReadsFiles) {
  const test::Folder folder;
  test::put(folder / "small.names", std::string("model small\ndialect d\na -> b"));
  EXPECT_EQ(read_names(folder / "small.names").model, "small");
  test::put(folder / "small.names", std::string("model m\nfoo"));
  EXPECT_PRED_FORMAT2(IsSubstring, (folder / "small.names").string() + ":2: 'foo'",
                      message_of(ErrorCode::bad_file, [&] { read_names(folder / "small.names"); }));
  message_of(ErrorCode::not_found, [&] { read_names(folder / "absent.names"); });
}

}  // namespace
}  // namespace sluice
