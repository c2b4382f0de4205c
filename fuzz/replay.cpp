// SPDX-License-Identifier: Apache-2.0
// Runs the files of folders, or single files, through one fuzz target, without libFuzzer: any compiler will do.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size);

namespace {

std::vector<std::filesystem::path> files_of(const std::filesystem::path &path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void run(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be opened");
  const std::vector<char> text(std::istreambuf_iterator<char>(file), {});
  // A block of exactly this size: a sanitizer sees the first byte behind it.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[text.size()]);
  if (!text.empty()) std::memcpy(bytes.get(), text.data(), text.size());
  LLVMFuzzerTestOneInput(bytes.get(), text.size());
}

}  // namespace

int main(int argc, char **argv) {
  std::string current = "no file";
  try {
    std::size_t count = 0;
    for (int i = 1; i < argc; ++i) {
      current = argv[i];
      for (const std::filesystem::path &file : files_of(argv[i])) {
        current = file.string();
        // Before it is run, so that the last line names the file of a crash.
        std::printf("%s\n", current.c_str());
        std::fflush(stdout);
        run(file);
        ++count;
      }
    }
    if (count > 0) return 0;
    std::fprintf(stderr, "usage: %s FILE_OR_FOLDER...   (there is no input)\n", argv[0]);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s: %s\n", current.c_str(), error.what());
  }
  return 1;
}
