// SPDX-License-Identifier: Apache-2.0
// Entry of every generator executable: Halide's own command line, or `--describe` for the layer's schema as JSON.
// A gradient that Halide drops is only a warning to Halide; here it stops the build.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "layer.h"

namespace {

class StrictReporter : public Halide::CompileTimeErrorReporter {
 public:
  void warning(const char *message) override {
    std::fprintf(stderr, "%s", message);
    if (std::strstr(message, "Dropping gradients") != nullptr) {
      std::fprintf(stderr, "error: the derived gradient would be wrong; rewrite the definition\n");
      std::exit(1);
    }
  }
  void error(const char *message) override {
    std::fprintf(stderr, "%s", message);
    std::exit(1);
  }
};

}  // namespace

int main(int argc, char **argv) {
  static StrictReporter reporter;
  if (argc == 2 && std::strcmp(argv[1], "--describe") == 0) {
    for (const auto &entry : sluice::descriptions()) std::cout << entry.second();
    return 0;
  }
  Halide::set_custom_compile_time_error_reporter(&reporter);
  try {
    return Halide::Internal::generate_filter_main(argc, argv);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
