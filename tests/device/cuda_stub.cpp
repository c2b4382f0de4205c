// SPDX-License-Identifier: Apache-2.0
// Halide's runtime looks the driver's functions up by name and is answered with those of this file. CUDA's own headers
// are not needed: its handles are pointers, its numbers fixed.
#include "tests/device/cuda_stub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>

#include "runtime/device.h"
#include "runtime/device_module.h"

namespace sluice::testing {
namespace {

using Handle = void *;
constexpr int kOutOfMemory = 2, kDevices = 2;
constexpr int kMultiprocessors = 16, kMajor = 75, kMinor = 76;  // attributes of a device

struct Entry {
  std::string name;
  std::vector<bool> is_address;  // by parameter
};

struct Module {
  uint64_t image = 0;
  Handle context = nullptr;
  std::map<std::string, Entry> entries;
};

struct Function {
  const Module *module;
  const Entry *entry;
};

struct Block {
  std::vector<char> bytes;
  Handle context;  // it was taken in
};

struct Stub {
  std::map<uint64_t, Block> memory;      // by address
  char own = 0, primary[kDevices] = {};  // what stands for Halide's context and the devices' primary ones
  std::vector<Handle> current;           // contexts pushed, the last one is in use
  std::vector<std::unique_ptr<Module>> modules;
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<CudaLaunch> launches;
  std::map<std::string, int> calls, failures;
  int64_t up = 0, down = 0, taken = 0;
};

Stub &stub() {
  static auto *one = new Stub;
  return *one;
}

bool fails(const std::string &function) {
  stub().calls[function]++;
  const auto planned = stub().failures.find(function);
  return planned != stub().failures.end() && --planned->second == 0;
}

Handle context() { return stub().current.empty() ? nullptr : stub().current.back(); }

// Is all of it within one allocation of this context?
bool is_held(uint64_t address, size_t bytes) {
  const auto after = stub().memory.upper_bound(address);
  if (after == stub().memory.begin()) return false;
  const auto &[begin, block] = *std::prev(after);
  return address + bytes <= begin + block.bytes.size() && block.context == context();
}

int init(unsigned) { return 0; }
int get_count(int *count) {
  *count = kDevices;
  return 0;
}
int get_device(int *device, int number) {
  *device = number;
  return 0;
}
int get_attribute(int *value, int attribute, int) {
  *value = attribute == kMultiprocessors ? 132 : attribute == kMajor ? 9 : attribute == kMinor ? 0 : 1;
  return 0;
}
int get_name(char *name, int size, int) {
  std::strncpy(name, "stub", static_cast<size_t>(size));
  return 0;
}
int total_memory(size_t *bytes, int) {
  *bytes = size_t{1} << 36;
  return 0;
}
// Creation makes it the current one.
int create_context(Handle *context, unsigned, int) {
  *context = &stub().own;
  stub().current.push_back(*context);
  return 0;
}
int retain_primary(Handle *context, int device) {
  stub().calls["cuDevicePrimaryCtxRetain"]++;
  *context = &stub().primary[device];
  return 0;
}
int context_version(Handle, unsigned *version) {
  *version = 12000;
  return 0;
}
int context_device(int *device) { return get_device(device, 0); }
int push_context(Handle context) {
  EXPECT_NE(context, nullptr);
  stub().current.push_back(context);
  return 0;
}
int pop_context(Handle *context) {
  EXPECT_FALSE(stub().current.empty());
  if (context != nullptr) *context = stub().current.back();
  stub().current.pop_back();
  return 0;
}
int nothing(Handle) { return 0; }
int synchronize() { return 0; }

int allocate(uint64_t *address, size_t bytes) {
  if (fails("cuMemAlloc")) return kOutOfMemory;
  EXPECT_GT(bytes, 0u);
  stub().taken += static_cast<int64_t>(bytes);
  std::vector<char> block(bytes);
  *address = reinterpret_cast<uint64_t>(block.data());
  stub().memory[*address] = {std::move(block), context()};
  return 0;
}

int release(uint64_t address) {
  stub().calls["cuMemFree"]++;
  EXPECT_EQ(stub().memory.erase(address), 1u);
  return 0;
}

int copy_up(uint64_t to, const void *from, size_t bytes) {
  if (fails("cuMemcpyHtoD")) return kOutOfMemory;
  EXPECT_TRUE(is_held(to, bytes));
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  stub().up += static_cast<int64_t>(bytes);
  return 0;
}
int copy_up_async(uint64_t to, const void *from, size_t bytes, Handle) { return copy_up(to, from, bytes); }

int copy_down(void *to, uint64_t from, size_t bytes) {
  if (fails("cuMemcpyDtoH")) return kOutOfMemory;
  EXPECT_TRUE(is_held(from, bytes));
  std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
  stub().down += static_cast<int64_t>(bytes);
  return 0;
}
int copy_down_async(void *to, uint64_t from, size_t bytes, Handle) { return copy_down(to, from, bytes); }

int copy_within(uint64_t to, uint64_t from, size_t bytes) {
  EXPECT_TRUE(is_held(to, bytes) && is_held(from, bytes));
  std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes);
  return 0;
}
int copy_within_async(uint64_t to, uint64_t from, size_t bytes, Handle) { return copy_within(to, from, bytes); }

// The entries of a PTX text and the kinds of their parameters.
int load_module(Handle *module, const char *image) {
  auto made = std::make_unique<Module>();
  made->context = context();
  made->image = 14695981039346656037ull;
  std::string_view text = image;
  while (text.ends_with('\n')) text.remove_suffix(1);
  for (const char c : text) made->image = (made->image ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  std::istringstream lines(image);
  Entry *entry = nullptr;
  for (std::string line; std::getline(lines, line);) {
    const std::string_view begin = ".visible .entry ";
    if (line.starts_with(begin)) {
      const std::string name = line.substr(begin.size(), line.find('(') - begin.size());
      entry = &made->entries[name];
      entry->name = name;
    } else if (entry != nullptr && line.starts_with(")")) {
      entry = nullptr;
    } else if (entry != nullptr && line.find(".param ") != std::string::npos) {
      entry->is_address.push_back(line.find(".ptr ") != std::string::npos);
    }
  }
  EXPECT_FALSE(made->entries.empty()) << "no kernel in a module";
  *module = made.get();
  stub().modules.push_back(std::move(made));
  return 0;
}
int load_module_with_options(Handle *module, const char *image, unsigned, Handle, Handle) {
  return load_module(module, image);
}

int get_function(Handle *function, Handle module, const char *name) {
  const auto *from = static_cast<const Module *>(module);
  const auto found = from->entries.find(name);
  if (found == from->entries.end()) return 500;  // CUDA_ERROR_NOT_FOUND
  stub().functions.push_back(std::make_unique<Function>(Function{from, &found->second}));
  *function = stub().functions.back().get();
  return 0;
}

int launch(Handle handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
           unsigned block_z, unsigned shared, Handle stream, void **arguments, void **) {
  if (fails("cuLaunchKernel")) return kOutOfMemory;
  const auto *function = static_cast<const Function *>(handle);
  const CudaLaunch made{
      function->module->image, function->entry->name, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared,
      {context(), stream}};
  EXPECT_EQ(function->module->context, context()) << made.entry;
  const uint64_t most_blocks[] = {INT32_MAX, 65535, 65535};
  for (size_t d = 0; d < 3; d++) {
    EXPECT_GE(made.grid[d], 1u) << made.entry;
    EXPECT_LE(made.grid[d], most_blocks[d]) << made.entry;
  }
  EXPECT_LE(uint64_t{block_x} * block_y * block_z, 1024u) << made.entry;
  EXPECT_LE(block_z, 64u) << made.entry;
  EXPECT_LE(shared, 48u << 10) << made.entry;
  for (size_t i = 0; i < function->entry->is_address.size(); i++) {
    if (!function->entry->is_address[i]) continue;
    EXPECT_TRUE(is_held(*static_cast<const uint64_t *>(arguments[i]), 1)) << made.entry << ", argument " << i;
  }
  stub().launches.push_back(made);
  return 0;
}

template <typename F>
void *address(F function) {
  return reinterpret_cast<void *>(function);
}

void *symbol(void *, const char *name) {
  static const std::map<std::string, void *> functions{
      {"cuInit", address(init)},
      {"cuDeviceGetCount", address(get_count)},
      {"cuDeviceGet", address(get_device)},
      {"cuDeviceGetAttribute", address(get_attribute)},
      {"cuDeviceGetName", address(get_name)},
      {"cuDeviceTotalMem", address(total_memory)},
      {"cuDeviceTotalMem_v2", address(total_memory)},
      {"cuCtxCreate_v2", address(create_context)},
      {"cuDevicePrimaryCtxRetain", address(retain_primary)},
      {"cuCtxDestroy_v2", address(nothing)},
      {"cuCtxGetApiVersion", address(context_version)},
      {"cuCtxGetDevice", address(context_device)},
      {"cuCtxPushCurrent_v2", address(push_context)},
      {"cuCtxPopCurrent_v2", address(pop_context)},
      {"cuCtxSynchronize", address(synchronize)},
      {"cuProfilerStop", address(synchronize)},
      {"cuStreamSynchronize", address(nothing)},
      {"cuMemAlloc_v2", address(allocate)},
      {"cuMemFree_v2", address(release)},
      {"cuMemcpyHtoD_v2", address(copy_up)},
      {"cuMemcpyHtoDAsync_v2", address(copy_up_async)},
      {"cuMemcpyDtoH_v2", address(copy_down)},
      {"cuMemcpyDtoHAsync_v2", address(copy_down_async)},
      {"cuMemcpyDtoD_v2", address(copy_within)},
      {"cuMemcpyDtoDAsync_v2", address(copy_within_async)},
      {"cuMemcpy3D_v2", address(nothing)},
      {"cuModuleLoadData", address(load_module)},
      {"cuModuleLoadDataEx", address(load_module_with_options)},
      {"cuModuleUnload", address(nothing)},
      {"cuModuleGetFunction", address(get_function)},
      {"cuLaunchKernel", address(launch)},
      {"cuPointerGetAttribute", address(nothing)},
  };
  const auto found = functions.find(name);
  return found == functions.end() ? nullptr : found->second;
}

}  // namespace

void stand_in_for_cuda() { Device::open("cuda").module().set_custom_get_library_symbol(symbol); }

const std::vector<CudaLaunch> &cuda_launches() { return stub().launches; }
int cuda_allocations() { return static_cast<int>(stub().memory.size()); }
int cuda_allocations_of(const void *context) {
  return static_cast<int>(std::count_if(stub().memory.begin(), stub().memory.end(),
                                        [&](const auto &block) { return block.second.context == context; }));
}
const void *primary_context(int device) { return &stub().primary[device]; }
int64_t cuda_taken() { return stub().taken; }
int64_t cuda_copied(bool up) { return up ? stub().up : stub().down; }
const std::map<std::string, int> &cuda_calls() { return stub().calls; }
void fail_cuda_call(const std::string &function, int count) { stub().failures[function] = count; }

}  // namespace sluice::testing
