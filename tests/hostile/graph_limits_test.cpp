// SPDX-License-Identifier: Apache-2.0
// Graph files that are too much of something: each limit holds to the last one that is allowed.
#include <fmt/format.h>

#include "runtime/graph_file.h"
#include "tests/hostile/malformed.h"

namespace sluice::hostile {
namespace {

std::string graph(const std::string &before, const std::string &after = "") {
  return "model m\n" + before + "input x [n]\nf y from x\noutput y\n" + after;
}

TEST(HostileGraph, NumbersOfThingsAreLimited) {
  const auto read = [](const std::string &file) { parse_graph(file, "g"); };
  const std::string block = "block b{0}\nf a from x\nend\n";
  for (const std::string &allowed : {graph(repeated(1000, "param p{}=1\n")), graph(repeated(999, "input i{} [n]\n")),
                                     graph("", repeated(999, "output o{} from x\n")),
                                     graph("", repeated(1000, "loss l{}\n")), graph(repeated(1000, block))}) {
    EXPECT_NO_THROW(read(allowed));
  }
  std::string tensors = "input x [n]\n";
  for (int node = 0; node < 200; ++node) {
    tensors += fmt::format("f y{} from x to ", node);
    for (int i = 0; i < 500; ++i) tensors += fmt::format("{}t{}_{}", i == 0 ? "" : ",", node, i);
    tensors += '\n';
  }
  std::string items = "input x [n]\nf y from x k=0";
  for (int i = 0; i < 30000; ++i) items += ",1";
  const std::string list = items.substr(items.find('='));
  for (int node = 0; node < 20; ++node) items += fmt::format("\nf y{} from x k{}", node, list);
  std::string body = "block b\n";
  for (int i = 0; i < 40; ++i) {
    for (int token = 0; token < 20000; ++token) body += "a ";
    body += '\n';
  }
  expect_refusals(
      "graph with too much of something", 7,
      {{"Parameters", graph(repeated(1001, "param p{}=1\n")), "g:1002: param 'p1000': more than 1000 parameters"},
       {"Inputs", graph(repeated(1000, "input i{} [n]\n")), "g:1002: input 'x': more than 1000 inputs"},
       {"Outputs", graph("", repeated(1000, "output o{} from x\n")), "g:1004: output 'o999': more than 1000 outputs"},
       {"Losses", graph("", repeated(1001, "loss l{}\n")), "g:1005: more than 1000 losses"},
       {"Blocks", graph(repeated(1001, block)), "g:3002: block 'b1000': more than 1000 blocks"},
       {"Tensors", tensors, "g:64: node 'y62': the nodes take more than 8 MB"},
       {"Items", items, "g:7: node 'y4': the nodes take more than 8 MB"},
       {"Tokens", body, "g:8: block 'b': the blocks take more than 4 MB"}},
      read);
}

}  // namespace
}  // namespace sluice::hostile
