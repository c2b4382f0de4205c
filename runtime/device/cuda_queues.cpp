// SPDX-License-Identifier: Apache-2.0
// The CUDA context and stream of a call: the host application's where it gave them, else the primary context of the
// device of that number, which other users of that device in the process share, else what Halide's runtime makes.
#include <HalideRuntimeCuda.h>

#include <map>
#include <mutex>
#include <string>

#include "runtime/kernel_call.h"

extern "C" void *halide_cuda_get_symbol(void *user_context, const char *name);  // of Halide's runtime: loads the driver

namespace sluice {

extern const int cuda_alignment;
extern void (*const follow_cuda_queues)();

namespace {

halide_cuda_acquire_context_t usual_context = nullptr;

const DeviceQueue *queue_of(void *user_context) {
  const auto *call = static_cast<const CallContext *>(user_context);
  return call == nullptr ? nullptr : call->queue;
}

int refused(void *user_context, const std::string &what) {
  halide_error(user_context, ("CUDA: " + what).c_str());
  return halide_error_code_generic_error;
}

// The driver's function of that name called with these arguments; CUDA's handles are pointers, its devices numbers.
template <typename... Arguments>
int driver_call(void *user_context, const char *name, Arguments... arguments) {
  const auto function = reinterpret_cast<int (*)(Arguments...)>(halide_cuda_get_symbol(user_context, name));
  if (function == nullptr) return refused(user_context, std::string("the driver has no ") + name);
  const int code = function(arguments...);
  return code == 0 ? 0 : refused(user_context, std::string(name) + " failed: " + std::to_string(code));
}

// Never given back: it lives as long as the process, like the Device.
int primary_context(void *user_context, int number, void **context) {
  static std::mutex mutex;
  static auto *contexts = new std::map<int, void *>;
  const std::lock_guard<std::mutex> lock(mutex);
  void *&known = (*contexts)[number];
  if (known == nullptr) {
    int count = 0, device = 0;
    int code = driver_call(user_context, "cuInit", 0u);
    if (code == 0) code = driver_call(user_context, "cuDeviceGetCount", &count);
    if (code == 0 && number >= count)
      code = refused(user_context, "no device " + std::to_string(number) + ", there are " + std::to_string(count));
    if (code == 0) code = driver_call(user_context, "cuDeviceGet", &device, number);
    if (code == 0) code = driver_call(user_context, "cuDevicePrimaryCtxRetain", &known, device);
    if (code != 0) return code;
  }
  *context = known;
  return 0;
}

int acquire_context(void *user_context, void **context, bool create) {
  const DeviceQueue *queue = queue_of(user_context);
  if (queue != nullptr && queue->host.context != nullptr) {
    *context = queue->host.context;
    return 0;
  }
  if (queue != nullptr && queue->number >= 0) return primary_context(user_context, queue->number, context);
  return usual_context(user_context, context, create);
}

int get_stream(void *user_context, void *, void **stream) {
  const DeviceQueue *queue = queue_of(user_context);
  *stream = queue == nullptr ? nullptr : queue->host.stream;
  return 0;
}

void follow_queues() {
  static std::once_flag once;
  std::call_once(once, [] {
    usual_context = halide_set_cuda_acquire_context(acquire_context);
    halide_set_cuda_get_stream(get_stream);
  });
}

}  // namespace

const int cuda_alignment = 4;  // addresses are numbers
void (*const follow_cuda_queues)() = follow_queues;

}  // namespace sluice
