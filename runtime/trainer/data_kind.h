// SPDX-License-Identifier: Apache-2.0
// A kind of data: what the `data` line of a recipe says of it, the tensors of its batches and where samples come from.
// To add one: a file with a class of it, and a line in data_kinds.cpp.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/trainer/masks.h"
#include "runtime/trainer/recipe_values.h"

namespace sluice {

enum class Shown { no, input, truth, both };  // where sample pictures show a tensor

struct DataTensor {
  std::string name;
  std::vector<int64_t> shape;  // of one sample: c, then the rest, as h w
  bool one_a_batch = false;    // one serves all samples of a batch
  bool colour = false;         // 3 channels, RGB: networks may want them as BGR
  Shown shown = Shown::no;
  float scale = 1, offset = 0;  // sample of a shown picture, 0..255 = value * scale + offset
};

// Where the values of one sample go, by name of its tensor.
using SampleValues = std::map<std::string, float *>;

// Makes samples. May be called from several threads; a sample is a function of the seed, the files, `purpose` ("train",
// "validation", "sample": streams of their own) and its number alone.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  // All tensors but those that serve a batch; and these.
  virtual void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const = 0;
  virtual void shared(const std::string & /*purpose*/, uint64_t /*batch*/, const SampleValues & /*values*/) const {}
  virtual size_t files() const { return 0; }  // 0: samples are computed
};

struct DataOrigin {
  std::filesystem::path path;  // what --data names; empty: nothing
  uint64_t seed = 1;
  MaskOptions masks;
  std::function<void(const std::string &)> report;  // told of files that are left out; may be empty
};

// What every kind is given of its line.
struct DataSize {
  int width = 256, height = 256;
};

// The key cache_mb=, in bytes: what is kept of decoded files.
constexpr int64_t kCacheBytes = 512 << 20;
int64_t read_cache_bytes(RecipeValues &values);

enum class NeedOfFiles { never, optional, always };  // optional: without files samples are computed

class DataKind {
 public:
  virtual ~DataKind() = default;
  virtual std::vector<DataTensor> tensors() const = 0;
  virtual NeedOfFiles files() const = 0;
  virtual bool has_masks() const { return false; }  // whether 'mask' lines belong to it: then one is needed
  virtual std::unique_ptr<SampleSource> open(const DataOrigin &origin) const = 0;
};

// The kind of that name, with its own keys taken from `values`; nothing where there is no such kind.
std::shared_ptr<const DataKind> read_data_kind(const std::string &name, const DataSize &size, RecipeValues &values);
std::vector<std::string> data_kind_names();

}  // namespace sluice
