// SPDX-License-Identifier: Apache-2.0
// Names of the files of TensorFlow checkpoints.
#include "weights_io/tensorflow/tensorflow_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "weights_io/error.h"
#include "weights_io/input_file.h"
#include "weights_io/text.h"

namespace sluice::tensorflow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndex = ".index";
constexpr std::string_view kDataForm = ".data-00000-of-00000";  // 0 is any digit

// The text before `.data-ddddd-of-ddddd`; empty where it does not end so.
std::string prefix_of_data_file(const std::string &path) {
  if (path.size() <= kDataForm.size()) return {};
  const std::size_t begin = path.size() - kDataForm.size();
  for (std::size_t i = 0; i < kDataForm.size(); ++i) {
    const char is = path[begin + i];
    if (kDataForm[i] == '0' ? is < '0' || is > '9' : is != kDataForm[i]) return {};
  }
  return path.substr(0, begin);
}

bool is_file(const fs::path &path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

[[noreturn]] void refuse_graph(const fs::path &path) {
  fs::path index = path;
  index.replace_extension(kIndex);
  throw Error(ErrorCode::bad_file,
              fmt::format("{}: the graph of a TensorFlow checkpoint, which holds no tensors{}", path.string(),
                          is_file(index) ? "; name " + in_quotes(index.filename().string()) : ""));
}

// The file begins with: model_checkpoint_path: "<prefix>".
void check_no_list(const fs::path &path) {
  constexpr std::string_view kBeginning = "model_checkpoint_path: \"";
  std::string text(4096, '\0');
  text.resize(InputFile(path).read_some(std::as_writable_bytes(std::span<char>(text))));
  if (!text.starts_with(kBeginning)) return;
  std::string name = text.substr(kBeginning.size(), text.find('"', kBeginning.size()) - kBeginning.size());
  name.erase(0, name.rfind('/') + 1);
  throw Error(ErrorCode::bad_file, fmt::format("{}: only names TensorFlow checkpoints; name {} beside it",
                                               path.string(), in_quotes(name + std::string(kIndex))));
}

}  // namespace

fs::path data_file(const fs::path &index, int32_t shard, int32_t shards) {
  const std::string text = index.string();
  if (!text.ends_with(kIndex)) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: the index of a TensorFlow bundle must be called <prefix>.index: its data files are "
                            "found by that prefix",
                            text));
  }
  return fmt::format("{}.data-{:05}-of-{:05}", text.substr(0, text.size() - kIndex.size()), shard, shards);
}

fs::path file_to_open(const fs::path &path) {
  const std::string text = path.string();
  const std::string prefix = prefix_of_data_file(text);
  if (!prefix.empty()) {
    fs::path index = prefix + std::string(kIndex);
    if (is_file(index)) return index;
    throw Error(ErrorCode::not_found, fmt::format("{}: not there; without this index the data file {} cannot be read",
                                                  index.string(), in_quotes(path.filename().string())));
  }
  if (!is_file(path)) {
    fs::path index = text + std::string(kIndex);
    return is_file(index) ? index : path;
  }
  if (path.extension() == ".meta") refuse_graph(path);
  if (path.filename() == "checkpoint") check_no_list(path);
  return path;
}

}  // namespace sluice::tensorflow
