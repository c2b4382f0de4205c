// SPDX-License-Identifier: Apache-2.0
// A pickle that names the tensors, and a zip archive of stored entries around it.
#include "weights_io/torch/torch_writer.h"

#include <fmt/format.h>
#include <minizip/zip.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "weights_io/atomic_file.h"
#include "weights_io/error.h"
#include "weights_io/safetensors_header.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

// ---- the pickle, protocol 2 (Python: Lib/pickletools.py). Nothing is memoised: it costs about 100 bytes a tensor.

const char *storage_class(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return "DoubleStorage";
    case DType::f32:
      return "FloatStorage";
    case DType::f16:
      return "HalfStorage";
    case DType::bf16:
      return "BFloat16Storage";
    case DType::i64:
      return "LongStorage";
    case DType::i32:
      return "IntStorage";
    case DType::i16:
      return "ShortStorage";
    case DType::i8:
      return "CharStorage";
    case DType::u8:
      return "ByteStorage";
    case DType::boolean:
      return "BoolStorage";
  }
  return "";
}

void append_little_endian(std::string &pickle, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) pickle += static_cast<char>(value >> (8 * i) & 0xff);
}

void append_text(std::string &pickle, std::string_view text) {
  pickle += 'X';  // BINUNICODE
  append_little_endian(pickle, text.size(), 4);
  pickle += text;
}

// For numbers that are not negative.
void append_number(std::string &pickle, int64_t number) {
  const auto value = static_cast<uint64_t>(number);
  if (number <= 0xff) {
    pickle += 'K';  // BININT1
    append_little_endian(pickle, value, 1);
  } else if (number <= 0xffff) {
    pickle += 'M';  // BININT2
    append_little_endian(pickle, value, 2);
  } else if (number <= std::numeric_limits<int32_t>::max()) {
    pickle += 'J';  // BININT
    append_little_endian(pickle, value, 4);
  } else {
    pickle += "\x8a\x08";  // LONG1 of eight bytes
    append_little_endian(pickle, value, 8);
  }
}

void append_tuple(std::string &pickle, const std::vector<int64_t> &numbers) {
  if (numbers.empty()) {
    pickle += ')';
    return;
  }
  if (numbers.size() > 3) pickle += '(';
  for (const int64_t number : numbers) append_number(pickle, number);
  pickle += numbers.size() > 3 ? 't' : "\x85\x86\x87"[numbers.size() - 1];  // TUPLE; TUPLE1 to TUPLE3
}

constexpr std::string_view kEmptyOrderedDict = "ccollections\nOrderedDict\n)R";

// Row-major. An extent of 0 counts as 1, as in torch.
std::vector<int64_t> strides_of(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    if (__builtin_mul_overflow(stride, std::max<int64_t>(shape[i], 1), &stride)) {
      throw Error(ErrorCode::bad_file, fmt::format("the strides of shape {} overflow", shape_text(shape)));
    }
  }
  return strides;
}

// torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks); the storage is a persistent
// id: ("storage", class, key, location, elements).
void append_tensor(std::string &pickle, const StoredTensor &tensor, std::size_t key) {
  pickle += "ctorch._utils\n_rebuild_tensor_v2\n((";
  append_text(pickle, "storage");
  pickle += fmt::format("ctorch\n{}\n", storage_class(tensor.dtype));
  append_text(pickle, std::to_string(key));
  append_text(pickle, "cpu");
  append_number(pickle, tensor.elements());
  pickle += "tQ";
  append_number(pickle, 0);
  append_tuple(pickle, tensor.shape);
  append_tuple(pickle, strides_of(tensor.shape));
  pickle += '\x89';  // NEWFALSE
  pickle += kEmptyOrderedDict;
  pickle += "tR";
}

std::string pickle_of(const TensorMap &tensors) {
  std::string pickle = "\x80\x02";  // PROTO 2
  pickle += kEmptyOrderedDict;
  pickle += '(';
  std::size_t key = 0;
  for (const auto &[name, tensor] : tensors) {
    append_text(pickle, name);
    append_tensor(pickle, tensor, key++);
  }
  return pickle + "u.";  // SETITEMS, STOP
}

// ---- the zip archive, through minizip, which writes wherever these functions do

constexpr const char *kFolder = "archive/";
constexpr std::size_t kAlignment = 64, kLocalHeader = 30, kZip64Field = 20, kFieldHeader = 4;
// minizip writes no ZIP64 directory for the number of entries alone, and the plain one counts to 65,535.
constexpr std::size_t kMaxTensors = 65'000;
constexpr uint64_t kNeedsZip64 = 0xffffffff;
constexpr uLong kFirstOfJanuary1980 =
    0x00210000;  // the first date of the format: files do not tell when they were made

// Exceptions must not pass through minizip's C: they wait here.
struct Output {
  AtomicFile &file;
  uint64_t position = 0, end = 0;
  std::exception_ptr problem;
};

void *open_output(void *opaque, const void *, int) { return opaque; }
uLong read_output(void *, void *, void *, uLong) { return 0; }
int close_output(void *, void *) { return 0; }
int error_of_output(void *, void *) { return 0; }
ZPOS64_T tell_output(void *, void *stream) { return static_cast<Output *>(stream)->position; }

// Says that it wrote even where it could not: a minizip that learns of a failure loses memory (the header of an entry).
// check() looks for the problem after each call.
uLong write_output(void *, void *stream, const void *bytes, uLong size) {
  Output &output = *static_cast<Output *>(stream);
  try {
    if (!output.problem) output.file.write_at(output.position, {static_cast<const std::byte *>(bytes), size});
  } catch (...) {
    output.problem = std::current_exception();
  }
  output.position += size;
  output.end = std::max(output.end, output.position);
  return size;
}

long seek_output(void *, void *stream, ZPOS64_T offset, int origin) {
  Output &output = *static_cast<Output *>(stream);
  const uint64_t from = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                        : origin == ZLIB_FILEFUNC_SEEK_CUR ? output.position
                                                           : output.end;
  output.position = from + offset;
  return 0;
}

class ZipWriter {
 public:
  ZipWriter(AtomicFile &file, std::string name) : output_{file, 0, 0, nullptr}, name_(std::move(name)) {
    zlib_filefunc64_def functions = {open_output, read_output,  write_output,    tell_output,
                                     seek_output, close_output, error_of_output, &output_};
    zip_ = ::zipOpen2_64(name_.c_str(), APPEND_STATUS_CREATE, nullptr, &functions);
    if (zip_ == nullptr) throw std::bad_alloc();
  }
  ~ZipWriter() {
    if (zip_ != nullptr) ::zipClose(zip_, nullptr);
  }
  ZipWriter(const ZipWriter &) = delete;
  ZipWriter &operator=(const ZipWriter &) = delete;

  // A stored entry whose bytes begin at a multiple of 64.
  void add(const std::string &entry, std::span<const std::byte> bytes) {
    const bool zip64 = bytes.size() >= kNeedsZip64;
    const std::string path = kFolder + entry;
    const std::string padding = padding_before(kLocalHeader + path.size() + (zip64 ? kZip64Field : 0));
    zip_fileinfo info = {};
    info.dosDate = kFirstOfJanuary1980;
    check(::zipOpenNewFileInZip64(zip_, path.c_str(), &info, padding.data(), static_cast<uInt>(padding.size()), nullptr,
                                  0, nullptr, 0, 0, zip64 ? 1 : 0));
    while (!bytes.empty()) {
      const std::size_t size = std::min<std::size_t>(bytes.size(), std::size_t{1} << 30);
      check(::zipWriteInFileInZip(zip_, bytes.data(), static_cast<unsigned>(size)));
      bytes = bytes.subspan(size);
    }
    check(::zipCloseFileInZip(zip_));
  }
  void add(const std::string &entry, std::string_view text) {
    add(entry, std::as_bytes(std::span<const char>(text.data(), text.size())));
  }

  void finish() { check(::zipClose(std::exchange(zip_, nullptr), nullptr)); }

 private:
  // The extra field that torch uses for this: "FB", its length, letters.
  std::string padding_before(std::size_t header_bytes) const {
    const std::size_t begin = output_.position + header_bytes + kFieldHeader;
    const std::size_t letters = (kAlignment - begin % kAlignment) % kAlignment;
    std::string field = "FB";
    append_little_endian(field, letters, 2);
    return field + std::string(letters, 'Z');
  }

  void check(int status) {
    if (output_.problem) std::rethrow_exception(output_.problem);
    if (status == ZIP_OK) return;
    if (status == ZIP_INTERNALERROR) throw std::bad_alloc();  // its only reason in these calls
    throw Error(ErrorCode::input_failed, fmt::format("{}: cannot write the file: minizip's error {}", name_, status));
  }

  Output output_;
  std::string name_;
  zipFile zip_ = nullptr;
};

// ---- what is refused

// "" where the tensor can be written.
std::string refusal_of(const std::string &name, const StoredTensor &tensor) {
  std::string refusal = safetensors::refusal_of_name(name);
  if (!refusal.empty()) return refusal;
  const std::string who = "tensor " + in_quotes(name);
  if (!is_valid_utf8(name)) return who + ": a name that is not valid UTF-8";
  try {
    const auto elements = static_cast<uint64_t>(tensor.elements());
    const std::size_t size = size_bytes(tensor.dtype);
    strides_of(tensor.shape);
    if (tensor.bytes.size() % size == 0 && tensor.bytes.size() / size == elements) return {};
  } catch (const Error &error) {
    return fmt::format("{}: {}", who, error.what());
  }
  return fmt::format("{}: shape {} as {}, with {} bytes", who, shape_text(tensor.shape), sluice::name(tensor.dtype),
                     tensor.bytes.size());
}

void check_writable(const std::string &file, const Archive &archive) {
  const auto refuse = [&](const std::string &reason) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: not written as a torch file: {}", file, reason));
  };
  if (archive.tensors.size() > kMaxTensors) refuse(fmt::format("more than {} tensors", kMaxTensors));
  for (const auto &[name, tensor] : archive.tensors) {
    const std::string refusal = refusal_of(name, tensor);
    if (!refusal.empty()) refuse(refusal);
  }
  for (const auto &[key, text] : archive.metadata) {
    if (!is_valid_utf8(key) || !is_valid_utf8(text)) {
      refuse(fmt::format("metadata {}: not valid UTF-8", in_quotes(key)));
    }
  }
}

std::string metadata_json(const std::map<std::string, std::string> &metadata) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto &[key, text] : metadata) {
    if (!key.starts_with(safetensors::kChecksumPrefix)) json[key] = text;
  }
  return json.empty() ? "" : json.dump();
}

}  // namespace

void write_torch_zip(const std::filesystem::path &path, const Archive &archive) {
  check_writable(path.string(), archive);
  AtomicFile file(path);
  ZipWriter zip(file, path.string());
  zip.add("data.pkl", pickle_of(archive.tensors));
  zip.add(".format_version", "1");
  zip.add(".storage_alignment", std::to_string(kAlignment));
  zip.add("byteorder", "little");
  std::size_t key = 0;
  for (const auto &[name, tensor] : archive.tensors) zip.add(fmt::format("data/{}", key++), tensor.bytes);
  zip.add("version", "3\n");
  const std::string metadata = metadata_json(archive.metadata);
  if (!metadata.empty()) zip.add("sluice_metadata.json", metadata);
  zip.finish();
  file.commit();
}

}  // namespace sluice
