// SPDX-License-Identifier: Apache-2.0
// Malformed names files beyond those of tests/weights_io/names_test.cpp, and the text by which each is refused.
#include "weights_io/names/names.h"

#include "tests/hostile/malformed.h"

namespace sluice::hostile {
namespace {

Malformed bad(const std::string &what, const std::string &file, const std::string &reason) {
  return {what, file, "n:" + reason};
}

Rows statement_rows() {
  const std::string head = "model m\nset s = x y\ndialect d\n";
  Rows rows = {
      bad("Nul", std::string("model m\0\n", 9), "1: control character \\x00"),
      bad("NulOnly", std::string(1, '\0'), "1: control character \\x00"),
      bad("NotUtf8", "model m\nset \xff = a", "2: the line is not UTF-8 text"),
      bad("Utf16", std::string("m\0o\0d\0e\0l\0", 10), "1: control character \\x00"),
      bad("ByteOrderMark", "\xef\xbb\xbfmodel m\ndialect d",
          "1: '\xef\xbb\xbfmodel' begins no statement (model, set, param, picture, known, dialect, prefix, same, "
          "constant, ignore, rename, solve, or NAME -> NAME)"),
      bad("Binary",
          std::string("\x7f"
                      "ELF\2\1\1\0\0",
                      9),
          "1: control character \\x7f"),
      bad("EscapeSequence", "\x1b[2Jmodel m", "1: control character \\x1b"),
      bad("ModelInUpperCase", "MODEL m",
          "1: 'MODEL' begins no statement (model, set, param, picture, known, dialect, prefix, same, constant, ignore, "
          "rename, solve, or NAME -> NAME)"),
      bad("ModelWithoutName", "model", "1: expected: model NAME"),
      bad("DialectWithoutName", head + "dialect", "4: expected: dialect NAME [like DIALECT]"),
      bad("DialectLikeNothing", head + "dialect e like", "4: expected: dialect NAME [like DIALECT]"),
      bad("DialectUnlike", head + "a -> b\ndialect e unlike d", "5: expected: dialect NAME [like DIALECT]"),
      bad("DialectLikeItself", head + "a -> b\ndialect e like e", "5: no dialect 'e' above"),
      bad("DialectLikeALaterOne", "model m\ndialect d like e\na -> b\ndialect e\na -> b", "2: no dialect 'e' above"),
      bad("SetWithoutName", "set", "1: expected: set NAME = WORD ..."),
      bad("SetWithMinus", "set a -= b", "1: expected: set NAME = WORD ..."),
      bad("SetOfAHugeRange", "set a = 0..4294967295", "1: '4294967295' is no number of at least 0"),
      bad("SetOf2To63", "set a = 0..9223372036854775807", "1: '9223372036854775807' is no number of at least 0"),
      bad("SetOfNegatives", "set a = -5..5", "1: '-5' is no number of at least 0"),
      bad("SetOfWords", "set a = a..z", "1: 'a' is no number of at least 0"),
      bad("SetOfHalves", "set a = 1.5..2", "1: '1.5' is no number of at least 0"),
      bad("SetOfThreeDots", "set a = 1...3", "1: '.3' is no number of at least 0"),
      bad("SetFromNothing", "set a = ..3", "1: '' is no number of at least 0"),
      bad("SetToNothing", "set a = 3..", "1: '' is no number of at least 0"),
      bad("SetOfOneTooMany", "set a = 0..10000", "1: '0..10000' is no range"),
      bad("ArrowOnly", head + "->", "4: expected one name before '->'"),
      bad("TwoArrows", head + "a -> b -> c", "4: expected names, with commas between them, after '->'"),
      bad("CommaOnly", head + "a -> ,", "4: expected names, with commas between them, after '->'"),
      bad("BracesOfNothing", head + "{} -> b", "4: no set ''"),
      bad("BracesInBraces", head + "{{s}} -> b", "4: braces do not match in '{{s}}'"),
      bad("BracesSwapped", head + "}s{ -> b", "4: braces do not match in '}s{'"),
      bad("BraceOpenOnTheRight", head + "{s} -> {s", "4: braces do not match in '{s'"),
      bad("UnknownSetOnTheRight", head + "{s} -> {t}", "4: no set 't'"),
      bad("SetCalledByMode", head + "{mode} -> b", "4: no set 'mode'"),
      bad("PrefixOfNothing", head + "prefix", "4: expected: prefix PREFIX ..."),
      bad("PrefixBeforeDialect", "prefix a", "1: comes before the first dialect"),
      bad("SameWithoutSign", head + "same a == b", "4: expected: same NAME = NAME"),
      bad("SameOfUnknownSet", head + "same {t} = a", "4: no set 't'"),
  };
  return rows;
}

const Pairs kLayouts = {{"x", "3: layout 'x': expected axes out of 'oithw', or AXES:AXES"},
                        {"oihwo", "3: layout 'oihwo': expected axes out of 'oithw', or AXES:AXES"},
                        {"oo", "3: layout 'oo': expected axes out of 'oithw', or AXES:AXES"},
                        {"1", "3: layout '1': expected axes out of 'oithw', or AXES:AXES"},
                        {"oihw:", "3: layout 'oihw:': expected axes out of 'oithw', or AXES:AXES"},
                        {":oihw", "3: layout ':oihw': expected axes out of 'oithw', or AXES:AXES"},
                        {"oihw:oih", "3: layout 'oihw:oih': expected axes out of 'oithw', or AXES:AXES"},
                        {"oihw:oihww", "3: layout 'oihw:oihww': expected axes out of 'oithw', or AXES:AXES"},
                        {"oi:io:oi", "3: layout 'oi:io:oi': expected axes out of 'oithw', or AXES:AXES"},
                        {"OIHW", "3: layout 'OIHW': expected axes out of 'oithw', or AXES:AXES"},
                        {"ooooooooo", "3: layout 'ooooooooo': expected axes out of 'oithw', or AXES:AXES"},
                        {"111111111", "3: layout '111111111': expected axes out of 'oithw', or AXES:AXES"},
                        {"o1:1o", "3: layout 'o1:1o': expected axes out of 'oithw', or AXES:AXES"},
                        {"\xc3\xb6", "3: layout '\xc3\xb6': expected axes out of 'oithw', or AXES:AXES"}};

const Pairs kSplits = {{"x", "3: split 'x' is no axis of layout 'oi'"},
                       {"oi", "3: split 'oi' is no axis of layout 'oi'"},
                       {"w", "3: split 'w' is no axis of layout 'oi'"},
                       {"1", "3: split '1' is no axis of layout 'oi'"},
                       {"0", "3: split '0' is no axis of layout 'oi'"}};

constexpr const char *kForm =
    "4: expected: param NAME = [sqrt] TENSOR[AXIS] and + - * / with numbers or TENSOR[AXIS], from left to right";
const Pairs kParameters = {{"= a[0]", kForm},
                           {"w a[0]", kForm},
                           {"w = a", kForm},
                           {"w = a[0", kForm},
                           {"w = a]0[", kForm},
                           {"w = [0]", kForm},
                           {"w = a[0] +", kForm},
                           {"w = + a[0]", kForm},
                           {"w = 2 * a[0]", kForm},
                           {"w = a[0] ^ 2", kForm},
                           {"w = a[0] * -1", "4: '-1' is no number of at least 1"},
                           {"w = a[0] * 1.5", "4: '1.5' is no number of at least 1"},
                           {"w = a[99999999999]", "4: '99999999999' is no number of at least 0"},
                           {"w = a[0x1]", "4: '0x1' is no number of at least 0"},
                           {"w = sqrt", kForm},
                           {"w = sqrt 4", kForm},
                           {"w = sqrt sqrt a[0]", kForm},
                           {"w = (a[0])", kForm}};

Rows layout_rows() {
  const std::string head = "model m\ndialect d\n";
  Rows rows;
  for (const auto &[layout, reason] : kLayouts) {
    rows.push_back(bad(std::string("Layout ") + layout, head + "a -> b layout=" + layout, reason));
  }
  for (const auto &[split, reason] : kSplits) {
    rows.push_back(bad(std::string("Split ") + split, head + "a -> b, c layout=oi split=" + split, reason));
  }
  rows.push_back(bad("SplitTwice", head + "a -> b, c layout=oi split=o split=i", "3: 'split=i' is given twice"));
  rows.push_back(bad("SplitIntoOneTwice", head + "a -> b, b layout=oi split=o", "3: 'b' is made twice"));
  for (const auto &[parameter, reason] : kParameters) {
    rows.push_back(bad(std::string("Parameter ") + parameter, head + "a -> a\nparam " + parameter, reason));
  }
  return rows;
}

TEST(HostileNames, MalformedFilesAreRefused) {
  expect_refusals("names", 75, joined({statement_rows(), layout_rows()}),
                  [](const std::string &file) { parse_names(file, "n"); });
}

}  // namespace
}  // namespace sluice::hostile
