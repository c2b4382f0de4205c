// SPDX-License-Identifier: Apache-2.0
// The C API for C++20: handles that free themselves, exceptions, vectors and spans. Everything is in this header; what
// it says of threads and memory is what sluice.h says.
#ifndef SLUICE_SLUICE_HPP
#define SLUICE_SLUICE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice.h"

namespace sluice {
// Apart from the library's own classes, which a program with libsluice.a also holds.
inline namespace api {

class Error : public std::runtime_error {
 public:
  Error(sluice_status status, const std::string &message) : std::runtime_error(message), status_(status) {}
  sluice_status status() const noexcept { return status_; }

 private:
  sluice_status status_;
};

inline void check(sluice_status status) {
  if (status != SLUICE_OK) throw Error(status, sluice_last_error());
}

inline std::string version() { return sluice_version_text(); }
inline void set_threads(int threads) { check(sluice_set_threads(threads)); }
// Why nothing can be computed there; empty if it can.
inline std::string device_problem(const std::string &device) {
  return sluice_device_check(device.c_str()) == SLUICE_OK ? "" : sluice_last_error();
}

class Cancellation {
 public:
  Cancellation() {
    sluice_cancellation *created = nullptr;
    check(sluice_cancellation_create(&created));
    handle_.reset(created);
  }
  void cancel() noexcept { sluice_cancellation_cancel(handle_.get()); }
  void reset() noexcept { sluice_cancellation_reset(handle_.get()); }
  const sluice_cancellation *get() const noexcept { return handle_.get(); }

 private:
  struct Free {
    void operator()(sluice_cancellation *cancellation) const { sluice_cancellation_free(cancellation); }
  };
  std::unique_ptr<sluice_cancellation, Free> handle_;
};

// What the two functions throw comes out of the call that runs.
struct RunOptions {
  std::function<void(int done, int total, std::string_view node)> progress = {};
  std::function<bool()> cancel = {};  // true: stop
  const Cancellation *cancellation = nullptr;
};

struct ModelOptions {
  std::vector<std::pair<std::string, std::string>> parameters = {};
  std::string device = "cpu";
  std::string algorithm = "fastest";
  void *cuda_context = nullptr, *cuda_stream = nullptr;  // see sluice_model_options
  bool pack_each_run = false;
};

struct Port {
  std::string name;
  std::vector<int64_t> extents;      // -1: the caller's choice
  std::vector<std::string> symbols;  // of those; else empty
  sluice_element element = SLUICE_FLOAT32;
  bool optional = false;
};

// A dense tensor of its own.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

namespace detail {

template <typename T>
sluice_tensor view(const char *name, sluice_element element, std::span<T> values, std::span<const int64_t> shape) {
  if (shape.size() > SLUICE_MAX_RANK) throw Error(SLUICE_ERROR_USAGE, std::string(name) + ": too many dimensions");
  sluice_tensor tensor{};
  tensor.name = name;
  tensor.element = element;
  tensor.rank = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.extents);
  // The library only reads inputs.
  tensor.data = const_cast<std::remove_const_t<T> *>(values.data());
  std::size_t room = values.size();
  for (const int64_t extent : shape) room = extent < 1 ? 0 : room / static_cast<std::size_t>(extent);
  if (room < 1) throw Error(SLUICE_ERROR_USAGE, std::string(name) + ": fewer values than its shape has");
  return tensor;
}

template <typename T>
sluice_pixels pixels(std::span<T> samples, int width, int height, int channels, sluice_channel_order order) {
  sluice_pixels view{};
  check(sluice_pixels_init(&view, sizeof view));
  view.data = const_cast<std::remove_const_t<T> *>(samples.data());
  view.width = width;
  view.height = height;
  view.channels = channels;
  view.bits = static_cast<int>(8 * sizeof(T));
  view.order = order;
  const bool sane = width > 0 && height > 0 && channels > 0;
  if (!sane || samples.size() / static_cast<std::size_t>(width) / static_cast<std::size_t>(height) <
                   static_cast<std::size_t>(channels))
    throw Error(SLUICE_ERROR_USAGE, "fewer samples than the picture has");
  return view;
}

// Runs `call` with the options as the C API wants them, and lets out what a callback threw.
template <typename Call>
void with_options(const RunOptions &options, const Call &call) {
  struct State {
    const RunOptions &options;
    std::exception_ptr thrown;
  } state{options, nullptr};
  sluice_run_options c{};
  check(sluice_run_options_init(&c, sizeof c));
  c.user_data = &state;
  c.cancellation = options.cancellation == nullptr ? nullptr : options.cancellation->get();
  if (options.progress) {
    c.progress = [](void *data, int done, int total, const char *node) {
      auto &now = *static_cast<State *>(data);
      try {
        if (!now.thrown) now.options.progress(done, total, node);
      } catch (...) {
        now.thrown = std::current_exception();
      }
    };
  }
  c.cancel = [](void *data) -> int {
    auto &now = *static_cast<State *>(data);
    try {
      return now.thrown || (now.options.cancel && now.options.cancel()) ? 1 : 0;
    } catch (...) {
      now.thrown = std::current_exception();
      return 1;
    }
  };
  const sluice_status status = call(&c);
  if (state.thrown) std::rethrow_exception(state.thrown);
  check(status);
}

}  // namespace detail

// Views of the caller's memory, dense; with strides, fill a sluice_tensor or sluice_pixels. `name` must live as long.
inline sluice_tensor input(const char *name, std::span<const float> values, std::span<const int64_t> shape) {
  return detail::view(name, SLUICE_FLOAT32, values, shape);
}
inline sluice_tensor output(const char *name, std::span<float> values, std::span<const int64_t> shape) {
  return detail::view(name, SLUICE_FLOAT32, values, shape);
}
inline sluice_tensor labels(const char *name, std::span<const int64_t> values, std::span<const int64_t> shape) {
  return detail::view(name, SLUICE_INT64, values, shape);
}
// A result's memory is written: it must not be constant.
inline sluice_pixels pixels(std::span<const uint8_t> samples, int width, int height, int channels,
                            sluice_channel_order order = SLUICE_RGB) {
  return detail::pixels(samples, width, height, channels, order);
}
inline sluice_pixels pixels(std::span<const uint16_t> samples, int width, int height, int channels,
                            sluice_channel_order order = SLUICE_RGB) {
  return detail::pixels(samples, width, height, channels, order);
}

class Model {
 public:
  // Files; without weights where that path is empty.
  Model(const std::string &graph_file, const std::string &weights_file, const ModelOptions &options = {}) {
    load(options, [&](const sluice_model_options &c, sluice_model **model) {
      return sluice_model_load(graph_file.c_str(), weights_file.empty() ? nullptr : weights_file.c_str(), &c, model);
    });
  }
  // Memory: the text of a graph file and the bytes of a weights file.
  static Model from_memory(const std::string &name, const std::string &graph_text, std::span<const std::byte> weights,
                           const ModelOptions &options = {}) {
    Model made(nullptr);
    made.load(options, [&](const sluice_model_options &c, sluice_model **model) {
      return sluice_model_load_memory(name.c_str(), graph_text.c_str(), weights.data(), weights.size(), &c, model);
    });
    return made;
  }
  // Takes over a handle, such as that of a library made by sluice_add_model.
  explicit Model(sluice_model *handle) : handle_(handle) {}

  const sluice_model *get() const noexcept { return handle_.get(); }
  std::string name() const { return sluice_model_name(get()); }
  std::vector<Port> inputs() const { return ports(sluice_model_input_count(get()), sluice_model_input); }
  std::vector<Port> outputs() const { return ports(sluice_model_output_count(get()), sluice_model_output); }

  std::vector<int64_t> output_shape(std::span<const sluice_tensor> inputs, const std::string &output) const {
    int rank = 0;
    int64_t extents[SLUICE_MAX_RANK];
    check(sluice_output_shape(get(), inputs.data(), inputs.size(), output.c_str(), &rank, extents));
    return {extents, extents + rank};
  }

  void run(std::span<const sluice_tensor> inputs, std::span<const sluice_tensor> outputs,
           const RunOptions &options = {}) const {
    detail::with_options(options, [&](const sluice_run_options *c) {
      return sluice_run(get(), inputs.data(), inputs.size(), outputs.data(), outputs.size(), c);
    });
  }
  // One output, in memory of its own.
  Tensor run(std::span<const sluice_tensor> inputs, const std::string &output, const RunOptions &options = {}) const {
    Tensor made{output_shape(inputs, output), {}};
    std::size_t size = 1;
    for (const int64_t extent : made.shape) size *= static_cast<std::size_t>(extent);
    made.values.resize(size);
    const sluice_tensor to = api::output(output.c_str(), made.values, made.shape);
    run(inputs, std::span(&to, 1), options);
    return made;
  }

  // See sluice.h.
  void inpaint(const sluice_pixels &image, const sluice_pixels &mask, const sluice_pixels &result,
               const RunOptions &options = {}) const {
    detail::with_options(options,
                         [&](const sluice_run_options *c) { return sluice_inpaint(get(), &image, &mask, &result, c); });
  }
  void complete_depth(const sluice_pixels &image, const sluice_pixels &sparse, const sluice_pixels &result,
                      bool average_mirrored = false, const RunOptions &options = {}) const {
    detail::with_options(options, [&](const sluice_run_options *c) {
      return sluice_complete_depth(get(), &image, &sparse, &result, average_mirrored ? 1 : 0, c);
    });
  }

 private:
  template <typename Load>
  void load(const ModelOptions &options, const Load &call) {
    std::vector<sluice_parameter> parameters;
    for (const auto &[name, value] : options.parameters) parameters.push_back({name.c_str(), value.c_str()});
    sluice_model_options c{};
    check(sluice_model_options_init(&c, sizeof c));
    c.parameters = parameters.data();
    c.parameter_count = parameters.size();
    c.device = options.device.c_str();
    c.algorithm = options.algorithm.c_str();
    c.cuda_context = options.cuda_context;
    c.cuda_stream = options.cuda_stream;
    c.pack_each_run = options.pack_each_run ? 1 : 0;
    sluice_model *model = nullptr;
    check(call(c, &model));
    handle_.reset(model);
  }

  template <typename Describe>
  std::vector<Port> ports(std::size_t count, Describe describe) const {
    std::vector<Port> ports;
    for (std::size_t i = 0; i < count; i++) {
      sluice_port c{};
      check(sluice_port_init(&c, sizeof c));
      check(describe(get(), i, &c));
      Port port{c.name, {c.extents, c.extents + c.rank}, {}, static_cast<sluice_element>(c.element), c.optional != 0};
      for (int d = 0; d < c.rank; d++) port.symbols.emplace_back(c.symbols[d] == nullptr ? "" : c.symbols[d]);
      ports.push_back(std::move(port));
    }
    return ports;
  }

  struct Free {
    void operator()(sluice_model *model) const { sluice_model_free(model); }
  };
  std::unique_ptr<sluice_model, Free> handle_;
};

}  // namespace api
}  // namespace sluice

#endif
