// SPDX-License-Identifier: Apache-2.0
// safetensors headers, graph files and names files that would expand, nest or repeat beyond any measure.
#include <fmt/format.h>

#include "tests/hostile/bombs.h"
#include "tests/hostile/malformed.h"

namespace sluice::hostile {
namespace {

std::string checkpoint(const std::string &header, uint64_t length) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>(length >> shift);
  return file + header;
}
std::string checkpoint(const std::string &header) { return checkpoint(header, header.size()); }

// A block that is used twice by the next one, and so on.
std::string doubling(int depth) {
  std::string text = "model m\ninput x [n]\nblock b0\nif 1=2 f a from x\nend\n";
  for (int i = 1; i <= depth; ++i) text += fmt::format("block b{0}\nuse b{1}\nuse b{1}\nend\n", i, i - 1);
  return text + fmt::format("use b{}\n", depth);
}

std::string graph(const std::string &lines) { return "model m\ninput x [n]\n" + lines + "\noutput x\n"; }

using Add = std::function<void(const std::string &, std::function<std::string()>, const std::string &)>;

void add_expanding_graphs(const Add &add) {
  add(
      "with 2^30 uses of a block", [] { return doubling(30); }, "longer than 8 MB");
  add(
      "with blocks in blocks without end", [] { return doubling(500); }, "nest deeper than 32");
  add(
      "with a block that uses itself", [] { return graph("block b\nuse b\nend\nuse b"); }, "defined before it");
  add(
      "with loops in loops",
      [] { return graph("for a=1..99 for b=1..99 for c=1..99 for d=1..99 if 1=2 f x{a} from x"); }, "10000 times");
  add(
      "with a loop to 2^63", [] { return graph("for i=1..9223372036854775807 if 1=2 f y from x"); }, "10000 times");
  add(
      "with 10000 times 64 kB", [] { return graph("for i=1..10000 f y{i} from x k=" + std::string(60'000, 'a')); },
      "8 MB");
  add(
      "with 10000 times 60000 alternatives",
      [] { return graph("for i=1..10000 if 1=" + std::string(60'000, '|') + " f y from x"); }, "8 MB");
  add(
      "with a value that doubles itself",
      [] {
        std::string text = "model m\nparam p0=ab\n";
        return text + "input x [n]\nblock b0 a\nf y from x k={a}\nend\n" + [] {
          std::string blocks;
          for (int i = 1; i < 30; ++i) blocks += fmt::format("block b{} a\nuse b{} a={{a}}{{a}}\nend\n", i, i - 1);
          return blocks;
        }() + "use b29 a=12345678\n";
      },
      "longer than 64 kB");
  add(
      "with 100000 parentheses", [] { return graph("f y from x k=" + std::string(60'000, '(') + "1"); }, "nested");
}

void add_long_graphs(const Add &add) {
  add(
      "with 250000 parameters", [] { return repeated(250'000, "param p{}=1\n"); }, "more than 1000 parameters");
  add(
      "with 200000 inputs", [] { return repeated(200'000, "input i{} [n]\n"); }, "more than 1000 inputs");
  add(
      "with 700000 losses", [] { return repeated(700'000, "loss\n"); }, "more than 1000 losses");
  add(
      "with 200000 blocks", [] { return repeated(200'000, "block b{}\nf\nend\n"); }, "more than 1000 blocks");
  add(
      "with a block of 2 million words",
      [] {
        std::string line;
        for (int i = 0; i < 30'000; ++i) line += "a ";
        return "block b\n" + repeated(66, line + "\n") + "end\n";
      },
      "blocks take more than 4 MB");
  add(
      "with a block of a million lines and 64 arguments",
      [] {
        std::string text = "block b";
        for (int i = 0; i < 64; ++i) text += fmt::format(" a{}", i);
        return text + "\n" + repeated(300'000, "for i=1..2 f\n");
      },
      "blocks take more than 4 MB");
  add(
      "with 280000 tensors",
      [] {
        std::string line;
        for (int i = 0; i < 7'000; ++i) line += fmt::format("{}t{}_{{0}}", i == 0 ? "" : ",", i);
        return "model m\ninput x [n]\n" + repeated(40, "f y{0} from x to " + line + "\n");
      },
      "nodes take more than 8 MB");
  add(
      "with 40 times 30000 values",
      [] {
        std::string ones = "1";
        for (int i = 1; i < 30'000; ++i) ones += ",1";
        return graph(repeated(60, "f y{} from x k=" + ones + "\n"));
      },
      "nodes take more than 8 MB");
  add(
      "whose unknown tensor is like 18000 others",
      [] {
        std::string text;
        const std::string name(55, 'a');
        for (int line = 0; line < 20; ++line) {
          text += fmt::format("f y{} from x to ", line);
          for (int i = 0; i < 900; ++i) text += fmt::format("{}{}{}_{}", i == 0 ? "" : ",", name, line, i);
          text += '\n';
        }
        return graph(text + "f last from " + name + "bbbb");
      },
      "no input and no node produces tensor");
  add(
      "of 64 MB", [] { return std::string(64u << 20, 'a'); }, "larger than 4 MB");
}

}  // namespace

std::vector<Bomb> checkpoint_bombs() {
  std::vector<Bomb> bombs;
  const auto add = [&](const std::string &what, std::function<std::string()> file, const std::string &reason) {
    bombs.push_back({"safetensors", "safetensors " + what, std::move(file), reason});
  };
  add(
      "that claims a header of 100 MB", [] { return checkpoint("{}", 100'000'000); }, "are accepted");
  add(
      "that claims a header of 2^63", [] { return checkpoint("{}", uint64_t{1} << 63); }, "are accepted");
  add(
      "that claims a tensor of 2^62 bytes",
      [] {
        return checkpoint(
            R"({"a":{"dtype":"U8","shape":[4611686018427387904],"data_offsets":[0,4611686018427387904]}})");
      },
      "ends at byte 4611686018427387904 of 0");
  add(
      "with a million braces", [] { return checkpoint(std::string(1'000'000, '{') + "}"); }, "not valid JSON");
  add(
      "with a million brackets", [] { return checkpoint(R"({"a":)" + std::string(1'000'000, '[') + "}"); },
      "is an array");
  add(
      "with a million brackets in a shape",
      [] { return checkpoint(R"({"a":{"shape":)" + std::string(1'000'000, '[') + "}"); }, "holds an array");
  add(
      "with a million extents",
      [] {
        std::string ones = "1";
        for (int i = 1; i < 1'000'000; ++i) ones += ",1";
        return checkpoint(R"({"a":{"shape":[)" + ones + "]}}");
      },
      "more than 8 dimensions");
  add(
      "with a number of a million digits",
      [] { return checkpoint(R"({"a":{"shape":[)" + std::string(1'000'000, '9') + "]}}"); }, "not valid JSON");
  add(
      "with a name of 3.9 MB", [] { return checkpoint("{\"" + std::string(3'900'000, 'n') + "\":{}}"); },
      "of 3900000 bytes");
  add(
      "with 60000 tensors of nothing",
      [] {
        const std::string tensors = repeated(60'000, R"("{0}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},)");
        return checkpoint("{" + tensors.substr(0, tensors.size() - 1) + "}");
      },
      "tensors");
  add(
      "with 200000 entries of metadata",
      [] {
        const std::string entries = repeated(200'000, R"("{0}":"",)");
        return checkpoint(R"({"__metadata__":{)" + entries.substr(0, entries.size() - 1) + "}}");
      },
      "metadata entries");
  add(
      "with metadata of 30 MB",
      [] { return checkpoint(R"({"__metadata__":{"a":")" + std::string(30'000'000, 'v') + "\"}}"); }, "are accepted");
  return bombs;
}

std::vector<Bomb> graph_bombs() {
  std::vector<Bomb> bombs;
  const Add add = [&](const std::string &what, std::function<std::string()> file, const std::string &reason) {
    bombs.push_back({"graph", "graph " + what, std::move(file), reason});
  };
  add_expanding_graphs(add);
  add_long_graphs(add);
  return bombs;
}

std::vector<Bomb> names_bombs() {
  std::vector<Bomb> bombs;
  const auto add = [&](const std::string &what, std::function<std::string()> file, const std::string &reason) {
    bombs.push_back({"names", "names " + what, std::move(file), reason});
  };
  const std::string head = "model m\n";
  add(
      "with a product of six sets",
      [=] {
        return head + repeated(6, "set s{} = 0..99\n") +
               "dialect d\n{s0}{s1}{s2}{s3}{s4}{s5} -> {s0}{s1}{s2}{s3}{s4}{s5}\n";
      },
      "more than");
  add(
      "with a product of 25000 sets",
      [=] {
        std::string pattern;
        for (int i = 0; i < 25'000; ++i) pattern += fmt::format("{{s{}}}", i);
        return head + repeated(25'000, "set s{} = a\n") + "dialect d\n" + pattern + " -> a\n";
      },
      "more than");
  add(
      "with long names times 10000",
      [=] {
        return head + "set s = 0..9999\ndialect d\n" + std::string(400'000, 'a') + "{s} -> " +
               std::string(400'000, 'b') + "{s}\n";
      },
      "more than");
  add(
      "with 50000 sets of 10000 words", [=] { return head + repeated(50'000, "set s{} = 0..9999\n"); }, "more than");
  add(
      "with 30000 copies of a dialect",
      [=] { return head + "set s = 0..9999\ndialect d\n{s} -> {s}\n" + repeated(30'000, "dialect d{} like d\n"); },
      "more than");
  add(
      "with 70000 dialects", [=] { return head + repeated(70'000, "dialect d{}\n"); }, "more than");
  add(
      "with 50000 parameters", [=] { return head + "dialect d\na -> a\n" + repeated(50'000, "param p{} = a[0]\n"); },
      "more than");
  add(
      "of 64 MB", [] { return std::string(64u << 20, 'a'); }, "bytes");
  return bombs;
}

}  // namespace sluice::hostile
