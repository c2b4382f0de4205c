// SPDX-License-Identifier: Apache-2.0
// Every layer fixture through the program: `sluice run` and `sluice grad` on a graph file, a weights file and the
// inputs of the fixture. The bounds are those of fixture_test.cpp, which asks the library.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/layer_fixture.h"
#include "weights_io/safetensors.h"

extern char **environ;

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

constexpr double kValueBound = 4e-6, kGradientBound = 8e-4;

// The exit status of the program; what it said on stderr goes to the file `said`.
int run_program(std::vector<std::string> arguments, const fs::path &said) {
  const char *binary = std::getenv("SLUICE_BINARY");
  if (binary == nullptr) throw std::runtime_error("SLUICE_BINARY names no program");
  arguments.insert(arguments.begin(), binary);
  std::vector<char *> words;
  for (std::string &argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const int error = posix_spawn(&child, binary, &files, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::runtime_error(std::string(binary) + " cannot be started");
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class ProgramFixture : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string path = (fs::path(::testing::TempDir()) / "sluice_XXXXXX").string();
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Runs a command on the fixture and gives the tensors it wrote.
  TensorMap result_of(const std::string &command, const std::vector<std::string> &more) {
    std::vector<std::string> arguments = {command,   file("one.graph"), "--weights", file("weights"),
                                          "--input", file("inputs"),    "--output",  file(command)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const int status = run_program(arguments, file("said"));
    std::ifstream said(file("said"));
    EXPECT_EQ(status, 0) << std::string(std::istreambuf_iterator<char>(said), {});
    return status == 0 ? read_safetensors(file(command)).tensors : TensorMap{};
  }
  std::string file(const std::string &name) const { return (folder_ / name).string(); }
  void write(const std::string &name, TensorMap tensors) {
    write_safetensors(file(name), Archive{std::move(tensors), {}});
  }

 private:
  fs::path folder_;
};

void expect_near(const TensorMap &made, const std::string &name, const StoredTensor &expected, double bound,
                 double least = 0) {
  ASSERT_EQ(made.count(name), 1u) << name;
  EXPECT_EQ(made.at(name).shape, expected.shape) << name;
  EXPECT_LE(relative_error(made.at(name), expected, least), bound) << name;
}

TEST_P(ProgramFixture, RunAndGrad) {
  const Archive fixture = read_layer_fixture(GetParam());
  const std::string &layer = fixture.metadata.at("layer");
  if (!is_built(layer, KernelTable::linked()))
    GTEST_SKIP() << "this build is without " << layer << " (SLUICE_ONLY_LAYERS)";
  const TensorMap inputs = with_prefix(fixture.tensors, "in.");
  std::ofstream(file("one.graph")) << one_layer_text(fixture, KernelTable::linked());
  write("weights", one_layer_weights(fixture));
  write("inputs", inputs);
  write("upstream", with_prefix(fixture.tensors, "gradout."));

  const TensorMap outputs = result_of("run", {"--state-output", file("state")});
  for (const auto &[name, expected] : with_prefix(fixture.tensors, "out."))
    expect_near(outputs, output_tensor(name, inputs), expected, kValueBound);
  const TensorMap made_state = read_safetensors(file("state")).tensors;
  for (const auto &[name, expected] : with_prefix(fixture.tensors, "state_out."))
    expect_near(made_state, "node." + name, expected, kValueBound);

  const TensorMap gradients = result_of("grad", {"--grad-output", file("upstream")});
  const TensorMap expected = with_prefix(fixture.tensors, "grad.");
  ASSERT_FALSE(expected.empty());
  double largest = 0;
  for (const auto &entry : expected) largest = std::max(largest, largest_magnitude(entry.second));
  for (const auto &[name, gradient] : expected) {
    expect_near(gradients, inputs.count(name) != 0 ? name : "node." + name, gradient, kGradientBound, 1e-3 * largest);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ProgramFixture, ::testing::ValuesIn(layer_fixture_names()),
                         [](const auto &test) { return test.param; });

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
