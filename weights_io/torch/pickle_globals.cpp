// SPDX-License-Identifier: Apache-2.0
// The list of names, and the message about a name that is not on it.
#include "weights_io/torch/pickle_globals.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice::pickle {
namespace {

struct ElementRow {
  const char *storage;  // the class of its storages in torch; null where there is none
  ElementType type;
};

constexpr ElementRow kElements[] = {{"FloatStorage", {"float32", 4, DType::f32}},
                                    {"DoubleStorage", {"float64", 8, DType::f64}},
                                    {"HalfStorage", {"float16", 2, DType::f16}},
                                    {"BFloat16Storage", {"bfloat16", 2, DType::bf16}},
                                    {"LongStorage", {"int64", 8, DType::i64}},
                                    {"IntStorage", {"int32", 4, DType::i32}},
                                    {"ShortStorage", {"int16", 2, DType::i16}},
                                    {"CharStorage", {"int8", 1, DType::i8}},
                                    {"ByteStorage", {"uint8", 1, DType::u8}},
                                    {"BoolStorage", {"bool", 1, DType::boolean}},
                                    {"UntypedStorage", {"untyped bytes", 1, std::nullopt}},
                                    {"ComplexFloatStorage", {"complex64", 8, std::nullopt}},
                                    {"ComplexDoubleStorage", {"complex128", 16, std::nullopt}},
                                    {"QInt8Storage", {"qint8", 1, std::nullopt}},
                                    {"QUInt8Storage", {"quint8", 1, std::nullopt}},
                                    {"QInt32Storage", {"qint32", 4, std::nullopt}},
                                    {"QUInt4x2Storage", {"quint4x2", 1, std::nullopt}},
                                    {"QUInt2x4Storage", {"quint2x4", 1, std::nullopt}},
                                    {nullptr, {"complex32", 4, std::nullopt}},
                                    {nullptr, {"uint16", 2, std::nullopt}},
                                    {nullptr, {"uint32", 4, std::nullopt}},
                                    {nullptr, {"uint64", 8, std::nullopt}},
                                    {nullptr, {"float8_e4m3fn", 1, std::nullopt}},
                                    {nullptr, {"float8_e4m3fnuz", 1, std::nullopt}},
                                    {nullptr, {"float8_e5m2", 1, std::nullopt}},
                                    {nullptr, {"float8_e5m2fnuz", 1, std::nullopt}},
                                    {nullptr, {"float8_e8m0fnu", 1, std::nullopt}},
                                    {nullptr, {"float4_e2m1fn_x2", 1, std::nullopt}}};

struct PlainRow {
  const char *module;
  const char *name;
  Role role;
  const char *what;
};

constexpr PlainRow kNames[] = {
    {"collections", "OrderedDict", Role::ordered_dictionary, "a dictionary"},
    {"collections", "defaultdict", Role::dictionary, "a dictionary"},
    {"collections", "Counter", Role::dictionary, "a dictionary"},
    {"torch", "Size", Role::size, "a size"},
    {"torch._utils", "_rebuild_tensor", Role::rebuild_tensor, "a tensor"},
    {"torch._utils", "_rebuild_tensor_v2", Role::rebuild_tensor_v2, "a tensor"},
    {"torch._utils", "_rebuild_tensor_v3", Role::rebuild_tensor_v3, "a tensor"},
    {"torch._utils", "_rebuild_parameter", Role::rebuild_parameter, "a tensor"},
    {"torch._utils", "_rebuild_parameter_with_state", Role::rebuild_parameter_with_state, "a tensor"},
    {"torch._tensor", "_rebuild_from_type_v2", Role::rebuild_from_type, "a tensor"},
    {"torch", "Tensor", Role::tensor_class, "a class"},
    {"torch.nn.parameter", "Parameter", Role::tensor_class, "a class"},
    {"torch._utils", "_rebuild_qtensor", Role::unread_tensor, "a quantized tensor, which is not read"},
    {"torch._utils", "_rebuild_sparse_tensor", Role::unread_tensor, "a sparse tensor, which is not read"},
    {"torch._utils", "_rebuild_nested_tensor", Role::unread_tensor, "a nested tensor, which is not read"},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", Role::unread_tensor, "a tensor without data"},
    {"torch._utils", "_rebuild_device_tensor_from_numpy", Role::unread_tensor,
     "a tensor of another device, which is not read"},
    {"torch.serialization", "_get_layout", Role::plain, "a memory layout"},
    {"torch", "device", Role::plain, "a device"},
    {"torch", "strided", Role::plain, "a memory layout"},
    {"torch", "contiguous_format", Role::plain, "a memory format"},
    {"torch", "channels_last", Role::plain, "a memory format"},
    {"torch", "preserve_format", Role::plain, "a memory format"},
    {"torch", "per_tensor_affine", Role::plain, "a quantisation scheme"},
    {"torch", "per_channel_affine", Role::plain, "a quantisation scheme"},
    {"argparse", "Namespace", Role::plain, "a namespace of options"},
    {"types", "SimpleNamespace", Role::plain, "a namespace of options"},
    {"numpy", "ndarray", Role::plain, "a numpy array"},
    {"numpy", "dtype", Role::plain, "a numpy type"},
    {"numpy.core.multiarray", "_reconstruct", Role::plain, "a numpy array"},
    {"numpy.core.multiarray", "scalar", Role::plain, "a number"},
    {"numpy.core.numeric", "_frombuffer", Role::plain, "a numpy array"},
    {"numpy._core.multiarray", "_reconstruct", Role::plain, "a numpy array"},
    {"numpy._core.multiarray", "scalar", Role::plain, "a number"},
    {"numpy._core.numeric", "_frombuffer", Role::plain, "a numpy array"},
    {"pathlib", "Path", Role::plain, "a path"},
    {"pathlib", "PosixPath", Role::plain, "a path"},
    {"pathlib", "WindowsPath", Role::plain, "a path"},
    {"pathlib", "PurePosixPath", Role::plain, "a path"},
    {"pathlib", "PureWindowsPath", Role::plain, "a path"},
    {"pathlib._local", "PosixPath", Role::plain, "a path"},
    {"pathlib._local", "WindowsPath", Role::plain, "a path"},
    {"datetime", "datetime", Role::plain, "a time"},
    {"datetime", "timedelta", Role::plain, "a time"},
    {"_codecs", "encode", Role::plain, "bytes"},
    {"builtins", "bytearray", Role::plain, "bytes"},
    {"builtins", "set", Role::plain, "a set"},
    {"builtins", "frozenset", Role::plain, "a set"},
    {"builtins", "complex", Role::plain, "a number"},
    {"builtins", "int", Role::plain, "a number"},
    {"builtins", "float", Role::plain, "a number"},
    {"builtins", "str", Role::plain, "a string"},
    {"builtins", "bool", Role::plain, "a truth value"},
    {"builtins", "list", Role::plain, "a list"},
    {"builtins", "dict", Role::plain, "a dictionary"},
    {"builtins", "tuple", Role::plain, "a tuple"},
    {"builtins", "slice", Role::plain, "a slice"},
    {"builtins", "long", Role::plain, "a number"},
    {"builtins", "unicode", Role::plain, "a string"},
};

// Modules whose functions act on the machine. Whoever names one did not pickle a network by mistake.
constexpr std::string_view kCommonModules[] = {
    "__builtin__", "_io",     "_posixsubprocess", "_pickle",   "asyncio",    "bdb",     "builtins",
    "cffi",        "code",    "codeop",           "commands",  "copy_reg",   "copyreg", "ctypes",
    "functools",   "httplib", "idlelib",          "importlib", "io",         "nt",      "operator",
    "os",          "pdb",     "pickle",           "pip",       "posix",      "profile", "pty",
    "requests",    "runpy",   "shutil",           "socket",    "subprocess", "sys",     "timeit",
    "webbrowser"};

constexpr std::size_t kStorages = std::size(kNames);
constexpr std::size_t kDTypes = kStorages + std::size(kElements);

bool belongs_to_python(std::string_view module) {
  const std::string_view root = module.substr(0, module.find('.'));
  return std::find(std::begin(kCommonModules), std::end(kCommonModules), root) != std::end(kCommonModules);
}

std::optional<std::size_t> find_element(std::string_view name, bool is_storage) {
  for (std::size_t i = 0; i < std::size(kElements); ++i) {
    const char *candidate = is_storage ? kElements[i].storage : kElements[i].type.name;
    if (candidate != nullptr && name == candidate) return (is_storage ? kStorages : kDTypes) + i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> find_global(std::string_view module, std::string_view name) {
  if (module == "__builtin__") module = "builtins";  // as Python 2 calls it
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (module == kNames[i].module && name == kNames[i].name) return i;
  }
  if (name.find(' ') != std::string_view::npos) return std::nullopt;  // "untyped bytes" is a name for messages only
  const bool is_storage = name.ends_with("Storage");
  if (is_storage && (module == "torch" || module == "torch.cuda" || module == "torch.storage")) {
    // Storages whose class says nothing of their elements are named so since torch 1.10.
    if (name == "TypedStorage" || name == "_TypedStorage" || name == "_UntypedStorage") name = "UntypedStorage";
    return find_element(name, true);
  }
  if (!is_storage && module == "torch") return find_element(name, false);
  return std::nullopt;
}

Global global_of(std::size_t number) {
  if (number >= kDTypes) return {Role::dtype, "an element type", &kElements[number - kDTypes].type};
  if (number >= kStorages) return {Role::storage, "a class", &kElements[number - kStorages].type};
  return {kNames[number].role, kNames[number].what, nullptr};
}

void refuse_global(const std::string &file, std::string_view module, std::string_view name) {
  const std::string called = in_quotes(fmt::format("{}.{}", module, name));
  const char *advice = belongs_to_python(module)
                           ? "nothing in it was run"
                           : "nothing in it was run; where a whole network or trainer was pickled, load it with the "
                             "code it came from and save its state_dict() alone";
  throw Error(ErrorCode::bad_file, fmt::format("{}: calls {}, which no weights need: {}", file, called, advice));
}

}  // namespace sluice::pickle
