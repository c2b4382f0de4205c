// SPDX-License-Identifier: Apache-2.0
// Every allocation of every reader fails once: alone, and with all that follow. The reader throws Error or
// std::bad_alloc, keeps nothing, and reads the same file as before when memory is back.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <new>
#include <string>

#include "runtime/graph_file.h"
#include "runtime/image/codecs.h"
#include "tests/hostile/failing_allocations.h"
#include "tests/hostile/jpeg_parts.h"
#include "tests/hostile/malformed.h"
#include "tests/weights_io/support.h"
#include "weights_io/atomic_file.h"
#include "weights_io/checkpoint.h"
#include "weights_io/names/names.h"
#include "weights_io/safetensors.h"
#include "weights_io/torch/torch_writer.h"

namespace sluice::hostile {
namespace {

struct Totals {
  std::size_t allocations = 0, failures = 0, errors = 0, out_of_memory = 0, unharmed = 0;
};

// One run with failures: throws nothing, leaves nothing, and what it reads in spite of them is right.
template <typename Result>
void run_with(Failing failing, std::size_t k, const std::function<Result()> &read, const Result &expected,
              Totals &totals) {
  bool equal = true, other = false;
  begin_counting(failing, k);
  try {
    equal = read() == expected;
    ++totals.unharmed;
  } catch (const Error &) {
    ++totals.errors;
  } catch (const std::bad_alloc &) {
    ++totals.out_of_memory;
  } catch (...) {
    other = true;
  }
  end_counting();
  const long left = live();
  const bool failed = has_failed();
  EXPECT_TRUE(equal) << "read something else when allocation " << k << " failed";
  EXPECT_FALSE(other) << "neither Error nor bad_alloc when allocation " << k << " failed";
  EXPECT_EQ(left, 0) << "blocks left when allocation " << k << " failed";
  EXPECT_TRUE(failed) << "allocation " << k << " was not reached";
  ++totals.failures;
}

template <typename Read>
void expect_survival(const char *what, Read &&call) {
  using Result = decltype(call());
  const std::function<Result()> read = call;
  const Result expected = read();
  ASSERT_TRUE(read() == expected);  // also makes whatever is made once
  begin_counting(Failing::none, 0);
  const bool equal = read() == expected;
  end_counting();
  ASSERT_TRUE(equal);
  ASSERT_EQ(live(), 0);
  Totals totals;
  totals.allocations = requests();
  ASSERT_GT(totals.allocations, 5u);
  for (std::size_t k = 1; k <= totals.allocations && !::testing::Test::HasFailure(); ++k) {
    for (const Failing failing : {Failing::one, Failing::onwards}) run_with(failing, k, read, expected, totals);
    ASSERT_TRUE(read() == expected) << "not the same after allocation " << k << " failed";
  }
  std::printf("%s: %zu allocations, %zu failures: %zu an Error, %zu bad_alloc, %zu done without; 0 leaks\n", what,
              totals.allocations, totals.failures, totals.errors, totals.out_of_memory, totals.unharmed);
}

Archive sample() {
  Archive archive;
  const float numbers[6] = {1, 2, 3, 4, 5, 6};
  archive.tensors["layer.one.with.a.long.name.weight"] = StoredTensor::of_f32({2, 3}, numbers);
  archive.tensors["layer.one.with.a.long.name.bias"] = StoredTensor::of_f32({2}, numbers);
  archive.metadata = {{"model", "deepfill2"}, {"source_file", "a file with a name that is long.pth"}};
  return archive;
}

using Contents = std::pair<TensorMap, std::map<std::string, std::string>>;

Contents contents(Archive archive) { return {std::move(archive.tensors), std::move(archive.metadata)}; }

TEST(FailingAllocations, OfSafetensors) {
  const std::vector<std::byte> file = serialize_safetensors(sample(), {.checksums = true});
  expect_survival("safetensors", [&] { return contents(parse_safetensors(file, "t")); });
}

TEST(FailingAllocations, OfSafetensorsOnDisk) {
  const test::Folder folder;
  write_safetensors(folder / "w.safetensors", sample());
  const std::filesystem::path path = folder / "w.safetensors";
  expect_survival("safetensors file", [&] { return contents(read_safetensors(path)); });
}

TEST(FailingAllocations, OfDamagedSafetensors) {
  std::vector<std::byte> file = serialize_safetensors(sample(), {.checksums = true});
  file.back() ^= std::byte{1};
  expect_survival("damaged safetensors", [&] {
    try {
      parse_safetensors(file, "t");
    } catch (const Error &error) {
      return std::string(error.what());
    }
    return std::string();
  });
}

TEST(FailingAllocations, OfGraphs) {
  const std::string text =
      "model m multiple=8\nparam width=48\ninput image [n 3 h w] scale=1/127.5 order=bgr\n"
      "block pair from to act=elu\nsmooth {to}.1 from {from} channels={2*width} activation={act}\n"
      "smooth {to} from {to}.1 channels=width,3\nend\nuse pair from=image to=a\n"
      "for i=1..2 use pair from=image to=b{i} act=relu\nconcat c from a,b1,b2\noutput c [n 3 h w] scale=127.5\n";
  expect_survival("graph", [&] {
    const Graph graph = parse_graph(text, "m.graph", {{"width", "8"}});
    std::string lines = graph.model;
    for (const Node &node : graph.nodes) {
      lines += '\n' + node.op + ' ' + node.name + ' ' + node.weights;
      for (const auto &[key, value] : node.attributes) lines += ' ' + key + '=' + value.text();
    }
    return lines;
  });
}

TEST(FailingAllocations, OfNames) {
  const NamesFile names = parse_names(
      "model m\nset i = 1..2\nparam width = layer1.weight[0]\ndialect ours\nlayer{i}.weight -> layer{i}.weight\n"
      "dialect theirs\nnet.layer{i}.w -> layer{i}.weight layout=io\n",
      "n");
  const std::string text = "model m\nset i = 1..3\ndialect ours\nlayer{i}.weight -> layer{i}.weight\nignore *.step\n";
  expect_survival("names", [&] {
    std::string lines;
    const NamesFile read = parse_names(text, "m.names");
    for (const NameRule &rule : read.dialects.at(0).rules) lines += rule.source + '\n';
    return lines;
  });
  Archive source;
  for (const char *name : {"net.layer1.w", "net.layer2.w"}) source.tensors[name] = StoredTensor::of_f32({3, 4});
  expect_survival("conversion", [&] { return apply_names(names, source, "s").tensors; });
}

std::vector<uint16_t> samples_of(const std::vector<std::byte> &file) { return decode_picture(file, "p").samples; }

TEST(FailingAllocations, OfPng) {
  Picture picture{40, 30, 3, 8, {}};
  for (std::size_t i = 0; i < 40 * 30 * 3; ++i) picture.samples.push_back(static_cast<uint16_t>(i * i % 251));
  const std::vector<std::byte> file = encode_png(picture, "p");
  expect_survival("PNG", [&] { return samples_of(file); });
  for (const char *name : {"basi6a16.png", "tbbn3p08.png", "basi3p04.png"}) {
    const std::vector<std::byte> other =
        read_file(test::source_dir() / "tests/fixtures/images/pngsuite" / name, 1 << 20);
    expect_survival(name, [&] { return samples_of(other); });
  }
}

TEST(FailingAllocations, OfJpeg) {
  for (const JpegKind &kind : {JpegKind{}, JpegKind{.progressive = true}, JpegKind{.arithmetic = true},
                               JpegKind{.channels = 4}, JpegKind{.channels = 1}}) {
    const std::vector<std::byte> file = bytes_of(make_jpeg(kind));
    expect_survival("JPEG", [&] { return samples_of(file); });
  }
}

TEST(FailingAllocations, OfTorchCheckpoints) {
  const test::Folder folder;
  const std::filesystem::path path = folder / "w.pth";
  write_torch_zip(path, sample());
  expect_survival("torch zip", [&] { return read_all(*open_checkpoint(path)).tensors; });
}

}  // namespace
}  // namespace sluice::hostile
