// SPDX-License-Identifier: Apache-2.0
// Pickles that no weights need: each is refused by name, and nothing in any of them runs.
#include "weights_io/torch/pickle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>

#include "tests/support/table_size.h"
#include "tests/weights_io/pickle_builder.h"
#include "weights_io/checkpoint.h"
#include "weights_io/torch/pickle_opcodes.h"

namespace sluice {
namespace {

using namespace test;  // the builder's words: text, tuple, call, ...
using ::testing::IsSubstring;

Opened open(std::string file) { return Opened(std::move(file)); }

std::string refusal_of_pickle(const std::string &pickle) {
  return message_of(ErrorCode::bad_file, [&] { open(torch_zip(pickle, {{"0", std::string(16, '\1')}})); });
}

struct Hostile {
  const char *what;
  std::string pickle;
  std::string expected;
};

// Only for test names.
void PrintTo(const Hostile &hostile, std::ostream *out) { *out << hostile.what; }

class HostilePickle : public ::testing::TestWithParam<Hostile> {};

// What any of the commands below would leave behind.
constexpr const char *kCanary = "sluice_pickle_canary";
const std::string kCommand = std::string("touch ") + kCanary;

// In a zip archive and in the stream of old versions.
TEST_P(HostilePickle, IsRefusedByName) {
  const std::filesystem::path canary = std::filesystem::current_path() / kCanary;
  std::filesystem::remove(canary);
  const std::string message = refusal_of_pickle(GetParam().pickle);
  EXPECT_PRED_FORMAT2(IsSubstring, GetParam().expected, message);
  EXPECT_PRED_FORMAT2(IsSubstring, "t.pth: ", message);
  const std::string legacy = message_of(ErrorCode::bad_file, [&] { open(torch_legacy(GetParam().pickle, {})); });
  const std::string expected = GetParam().expected.starts_with("calls") ? GetParam().expected : "t.pth: ";
  EXPECT_PRED_FORMAT2(IsSubstring, expected, legacy);
  EXPECT_FALSE(std::filesystem::exists(canary));
}

// ---- code

std::string called(const std::string &module, const std::string &name) {
  return pickled(call(module, name, {text(kCommand)}));
}

INSTANTIATE_TEST_SUITE_P(
    Code, HostilePickle,
    ::testing::ValuesIn(std::vector<Hostile>{
        {"os.system", called("os", "system"), "calls 'os.system', which no weights need: nothing in it was run"},
        {"posix.system", called("posix", "system"), "calls 'posix.system'"},
        {"nt.system", called("nt", "system"), "calls 'nt.system'"},
        {"os.popen", called("os", "popen"), "calls 'os.popen'"},
        {"os.execv", called("os", "execv"), "calls 'os.execv'"},
        {"builtins.eval", called("builtins", "eval"), "calls 'builtins.eval'"},
        {"builtins.exec", called("builtins", "exec"), "calls 'builtins.exec'"},
        {"builtins.compile", called("builtins", "compile"), "calls 'builtins.compile'"},
        {"builtins.open", called("builtins", "open"), "calls 'builtins.open'"},
        {"builtins.getattr", called("builtins", "getattr"), "calls 'builtins.getattr'"},
        {"builtins.__import__", called("builtins", "__import__"), "calls 'builtins.__import__'"},
        {"__builtin__.eval", called("__builtin__", "eval"), "calls '__builtin__.eval'"},
        {"__builtin__.apply", called("__builtin__", "apply"), "calls '__builtin__.apply'"},
        {"subprocess.Popen", called("subprocess", "Popen"), "calls 'subprocess.Popen'"},
        {"subprocess.check_output", called("subprocess", "check_output"), "calls 'subprocess.check_output'"},
        {"commands.getoutput", called("commands", "getoutput"), "calls 'commands.getoutput'"},
        {"pty.spawn", called("pty", "spawn"), "calls 'pty.spawn'"},
        {"runpy.run_path", called("runpy", "run_path"), "calls 'runpy.run_path'"},
        {"importlib.import_module", called("importlib", "import_module"), "calls 'importlib.import_module'"},
        {"shutil.rmtree", called("shutil", "rmtree"), "calls 'shutil.rmtree'"},
        {"socket.socket", called("socket", "socket"), "calls 'socket.socket'"},
        {"ctypes.CDLL", called("ctypes", "CDLL"), "calls 'ctypes.CDLL'"},
        {"pickle.loads", called("pickle", "loads"), "calls 'pickle.loads'"},
        {"torch.load", called("torch", "load"), "calls 'torch.load'"},
        {"torch.hub.load", called("torch.hub", "load"), "calls 'torch.hub.load'"},
        {"numpy.load", called("numpy", "load"), "calls 'numpy.load'"},
        {"numpy exec_command", called("numpy.distutils.exec_command", "exec_command"), "exec_command.exec_command'"},
        {"timeit.timeit", called("timeit", "timeit"), "calls 'timeit.timeit'"},
        {"webbrowser.open", called("webbrowser", "open"), "calls 'webbrowser.open'"},
        {"operator.attrgetter", called("operator", "attrgetter"), "calls 'operator.attrgetter'"},
        {"functools.partial", called("functools", "partial"), "calls 'functools.partial'"},
        {"copyreg._reconstructor", called("copyreg", "_reconstructor"), "calls 'copyreg._reconstructor'"},
        {"a network", called("models.networks", "Generator"),
         "calls 'models.networks.Generator', which no weights need: nothing in it was run; where a whole network or "
         "trainer was pickled, load it with the code it came from and save its state_dict() alone"},
        {"a module of torch", called("torch.nn.modules.conv", "Conv2d"), "save its state_dict() alone"},
        {"a name in a name", called("collections", "OrderedDict.__init__"), "calls 'collections.OrderedDict.__init__'"},
        {"a name cut by NUL", called("collections", std::string("OrderedDict\0x", 13)), "OrderedDict\\x00x'"},
        {"a name of spaces", called("torch", "untyped bytes"), "calls 'torch.untyped bytes'"},
        {"no name", called("", ""), "calls '.', which"},
        {"through STACK_GLOBAL", pickled(text("os") + text("system") + op(0x93) + tuple({text(kCommand)}) + "R"),
         "calls 'os.system'"},
        {"in a tensor's hooks",
         pickled(call("torch._utils", "_rebuild_tensor_v2",
                      {storage("FloatStorage", "0", 4), integer(0), sizes({4}), sizes({1}), boolean(false),
                       call("os", "system", {text(kCommand)})})),
         "calls 'os.system'"},
        {"nested calls", pickled(call(call("builtins", "getattr", {global("os", "path")}), tuple({}))),
         "calls 'builtins.getattr'"},
        {"as NEWOBJ", pickled(global("subprocess", "Popen") + tuple({text(kCommand)}) + op(0x81)),
         "calls 'subprocess.Popen'"},
        {"in attributes",
         pickled(ordered({}) + dictionary({{text("x"), call("os", "system", {text(kCommand)})}}) + "b"),
         "calls 'os.system'"},
        {"in a persistent id", pickled(call("os", "system", {text(kCommand)}) + "Q"), "calls 'os.system'"},
        {"unused", pickled(call("os", "system", {text(kCommand)}) + "0" + dictionary({})), "calls 'os.system'"},
        {"INST", pickled("(" + text(kCommand) + "ios\nsystem\n"), "INST: no weights need this opcode (0x69)"},
        {"OBJ", pickled("(" + std::string("N") + text(kCommand) + "o"), "OBJ: no weights need this opcode (0x6f)"},
        {"EXT1", pickled(op(0x82) + op(1)), "EXT1: no weights need this opcode (0x82)"},
        {"EXT2", pickled(op(0x83) + op(1) + op(0)), "EXT2: no weights need"},
        {"EXT4", pickled(op(0x84) + repeated(op(0), 4)), "EXT4: no weights need"},
        {"PERSID", pickled("Pstorage\n"), "PERSID: no weights need this opcode (0x50)"},
        {"NEXT_BUFFER", pickled(op(0x97)), "NEXT_BUFFER: no weights need"},
        {"READONLY_BUFFER", pickled(op(0x98)), "READONLY_BUFFER: no weights need"},
        {"text opcodes", "(S'" + kCommand + "'\nios\nsystem\n.", "STRING: no weights need"},
        {"INT", pickled("I1\n"), "INT: no weights need"},
        {"LONG", pickled("L1L\n"), "LONG: no weights need"},
        {"UNICODE", pickled("Vx\n"), "UNICODE: no weights need"},
        {"FLOAT", pickled("F1.5\n"), "FLOAT: no weights need"},
        {"GET", pickled("g0\n"), "GET: no weights need"},
        {"PUT", pickled("Np0\n"), "PUT: no weights need"},
    }));

// ---- structure

INSTANTIATE_TEST_SUITE_P(
    Structure, HostilePickle,
    ::testing::ValuesIn(std::vector<Hostile>{
        {"empty", "", "cut off: it ends at byte 0 without STOP"},
        {"no opcode", pickled(op(0xff)), "at byte 2: 0xff is no opcode"},
        {"NUL", pickled(op(0)), "at byte 2: 0x00 is no opcode"},
        {"no STOP", pickled("N").substr(0, 3), "cut off: it ends at byte 3 without STOP"},
        {"after STOP", pickled(dictionary({})) + "N.", "2 bytes follow the STOP of its pickle"},
        {"nothing", pickled(""), "STOP: 0 values are left on the stack, not one"},
        {"two values", pickled("NN"), "STOP: 2 values are left on the stack, not one"},
        {"a mark left over", pickled("(N"), "STOP: "},
        {"protocol 6", op(0x80) + op(6) + "N.", "PROTO: protocol 6 does not exist"},
        {"frame beyond the end", pickled(op(0x95) + little_endian(uint64_t{1} << 40) + "N"), "FRAME: a frame longer"},
        {"MARK missing", pickled("t"), "TUPLE: there is no mark on the stack"},
        {"APPEND to a tuple", pickled(")Na"), "APPEND: adds to a tuple"},
        {"APPENDS to a dictionary", pickled("}(Ne"), "APPENDS: adds to a dictionary"},
        {"SETITEM of a list", pickled("]NNs"), "SETITEM: adds to a list"},
        {"SETITEM of a number", pickled("K\1NNs"), "SETITEM: adds to a number"},
        {"SETITEMS of a tuple", pickled(")(NNu"), "SETITEMS: adds to a tuple"},
        {"SETITEMS of a storage", pickled(storage("FloatStorage", "0", 4) + "(NNu"), "SETITEMS: adds to a storage"},
        {"ADDITEMS to a list", pickled("](N" + op(0x90)), "ADDITEMS: adds to a list"},
        {"a key without a value", pickled("}(Nu"), "SETITEMS: a key without a value"},
        {"DICT of one", pickled("(Nd"), "DICT: a key without a value"},
        {"a list as a key", pickled("}]Ns"), "SETITEM: a list as a key"},
        {"a dictionary as a key", pickled("}}Ns"), "SETITEM: a dictionary as a key"},
        {"below the mark", pickled("](Na"), "APPEND: takes 1 from the stack, which has 0"},
        {"calls a string", pickled(call(text("os.system"), tuple({}))), "REDUCE: calls a string"},
        {"calls a tensor", pickled(call(tensor(storage("FloatStorage", "0", 4), 0, {4}, {1}), tuple({}))),
         "REDUCE: calls a tensor"},
        {"calls a class of storages", pickled(call("torch", "FloatStorage", {})), "REDUCE: calls a class"},
        {"calls an element type", pickled(call("torch", "float32", {})), "REDUCE: calls an element type"},
        {"arguments in a list", pickled(call(global("collections", "OrderedDict"), list({}))),
         "arguments that are a list"},
        {"NEWOBJ_EX without a dictionary", pickled(global("collections", "OrderedDict") + "))" + op(0x92)),
         "NEWOBJ_EX: named arguments that are not a dictionary"},
        {"an OrderedDict of a number", pickled(call("collections", "OrderedDict", {integer(1)})), "other than pairs"},
        {"an OrderedDict of triples", pickled(call("collections", "OrderedDict", {list({sizes({1, 2, 3})})})),
         "other than pairs"},
        {"a Size of a number", pickled(call("torch", "Size", {integer(1)})), "a torch.Size of something other"},
        {"BUILD of a list", pickled("]}b"), "BUILD: sets attributes of a list"},
        {"BUILD of a tensor", pickled(tensor(storage("FloatStorage", "0", 4), 0, {4}, {1}) + "}b"),
         "attributes of a tensor"},
        {"STACK_GLOBAL of numbers", pickled("K\1K\1" + op(0x93)), "STACK_GLOBAL: a name that is not text"},
        {"a name of a megabyte", pickled(global("a", std::string(1 << 20, 'b'))),
         "GLOBAL: a name too long for any code"},
        {"memo never set", pickled("h\7"), "BINGET: memo 7 was never set"},
        {"memo between others", pickled("Nq\5h\3"), "BINGET: memo 3 was never set"},
        {"memo of nothing", pickled("q" + op(0)), "BINPUT: takes 1 from the stack, which has 0"},
        {"memo 4294967295", pickled("Nr\xff\xff\xff\xff"), "LONG_BINPUT: memo 4294967295, at most 4000000 are kept"},
        {"memo bomb", pickled("Nr" + little_endian(uint32_t{3'999'999})), "far more memory than its size"},
        {"bad UTF-8", pickled("X\2" + repeated(op(0), 3) + "\xc0\x80"), "BINUNICODE: text that is not valid UTF-8"},
        {"bad short UTF-8", pickled(op(0x8c) + op(1) + "\xff"), "SHORT_BINUNICODE: text that is not valid UTF-8"},
        {"a string of 4 GB",
         pickled("X\xff\xff\xff\xff"
                 "abc"),
         "cut off: it ends at byte"},
        {"a string of 2^63 bytes", pickled(op(0x8d) + repeated(op(0xff), 7) + op(0x7f)), "cut off: it ends at byte"},
        {"bytes of 2^64 - 1", pickled(op(0x8e) + repeated(op(0xff), 8)), "cut off: it ends at byte"},
        {"a thousand marks", pickled(repeated("(", 1001)), "MARK: more than 1000 marks"},
        {"deep lists", pickled(repeated("]", 500) + repeated("a", 499)), "nested deeper than 100 containers"},
        {"deep tuples", pickled(")" + repeated(op(0x85), 100'000)), "nested deeper than 100 containers"},
        {"contains itself", pickled("]q" + op(0) + "h" + op(0) + "a"), "a container that contains itself"},
        {"contains itself through a dictionary", pickled("}q" + op(0) + "Nh" + op(0) + op(0x85) + "s"),
         "contains itself"},
        {"empty tuples by the million", pickled(repeated(")", 1'000'000)), "far more memory than its size"},
        {"a stack of millions", pickled(repeated("N", 1'500'000)), "far more memory than its size"},
        {"a string as the object", pickled(text("x")), "its pickle holds a string, and no tensors"},
        {"a number as the object", pickled("K\1"), "its pickle holds a number, and no tensors"},
    }));

// ---- tensors

std::string rebuilt(const std::vector<std::string> &arguments) {
  return pickled(dictionary({{text("w"), call("torch._utils", "_rebuild_tensor_v2", arguments)}}));
}
const std::string kStorage = storage("FloatStorage", "0", 4);
std::string shaped(int64_t offset, const std::vector<int64_t> &size, const std::vector<int64_t> &stride) {
  return pickled(dictionary({{text("w"), tensor(kStorage, offset, size, stride)}}));
}
std::string persistent(const std::vector<std::string> &parts) {
  return pickled(dictionary({{text("w"), tensor(tuple(parts) + "Q", 0, {4}, {1})}}));
}
const std::string kFloat = global("torch", "FloatStorage");

INSTANTIATE_TEST_SUITE_P(
    Tensors, HostilePickle,
    ::testing::ValuesIn(std::vector<Hostile>{
        {"persistent id no tuple", pickled(text("storage") + "Q"), "a persistent id that is a string"},
        {"persistent id empty", persistent({}), "a persistent id that names nothing"},
        {"persistent id of a file", persistent({text("file"), text("/etc/passwd")}), "a persistent id of 'file'"},
        {"persistent module", persistent({text("module"), kFloat, text("a.py"), text("import os")}),
         "holds a whole pickled module"},
        {"persistent id short", persistent({text("storage"), kFloat, text("0"), text("cpu")}), "a storage of 4 parts"},
        {"storage of no type", persistent({text("storage"), text("Float"), text("0"), text("cpu"), integer(4)}),
         "a storage whose type is a string"},
        {"storage of another class",
         persistent({text("storage"), global("torch", "Size"), text("0"), text("cpu"), integer(4)}),
         "a storage whose type is a name"},
        {"storage without key", persistent({text("storage"), kFloat, integer(0), text("cpu"), integer(4)}),
         "a storage whose key is a number"},
        {"storage without location", persistent({text("storage"), kFloat, text("0"), "N", integer(4)}),
         "a storage whose location is no string"},
        {"storage of -1", persistent({text("storage"), kFloat, text("0"), text("cpu"), integer(-1)}),
         "a storage size of -1"},
        {"storage of 2^62", persistent({text("storage"), kFloat, text("0"), text("cpu"), integer(int64_t{1} << 62)}),
         "a storage size that is a number"},
        {"storage that overflows",
         persistent({text("storage"), global("torch", "ComplexDoubleStorage"), text("0"), text("cpu"),
                     integer((int64_t{1} << 55) - 1)}),
         "t.pth: "},
        {"storage of LONG1 of 255 bytes",
         persistent({text("storage"), kFloat, text("0"), text("cpu"), op(0x8a) + op(255) + std::string(255, '\x11')}),
         "a storage size that is a number"},
        {"storage of two sizes",
         pickled(dictionary({{text("a"), tensor(kStorage, 0, {4}, {1})},
                             {text("b"), tensor(storage("FloatStorage", "0", 3), 0, {3}, {1})}})),
         "storage '0' has 16 bytes and elsewhere 12"},
        {"a view beyond its storage",
         persistent({text("storage"), kFloat, text("0"), text("cpu"), integer(4),
                     tuple({text("v"), integer(2), integer(3)})}),
         "a view that leaves its storage"},
        {"a view of two parts",
         persistent({text("storage"), kFloat, text("0"), text("cpu"), integer(4), tuple({text("v"), integer(2)})}),
         "a view of a storage that is not of three parts"},
        {"too few arguments", rebuilt({kStorage, integer(0)}), "tensor 'w': made of 2 arguments, expected 7"},
        {"no storage", rebuilt({integer(0), integer(0), sizes({4}), sizes({1}), boolean(false), "}"}),
         "tensor 'w': its storage is a number"},
        {"offset negative", shaped(-1, {4}, {1}), "tensor 'w': its offset is no whole number"},
        {"offset that overflows", shaped((int64_t{1} << 55) - 1, {4}, {1}), "tensor 'w': reaches to byte"},
        {"size negative", shaped(0, {-4}, {1}), "tensor 'w': its size is not of whole numbers"},
        {"stride negative", shaped(3, {4}, {-1}), "tensor 'w': its stride is not of whole numbers"},
        {"size of strings", rebuilt({kStorage, integer(0), tuple({text("4")}), sizes({1}), boolean(false), "}"}),
         "its size is not of whole numbers"},
        {"size no tuple", rebuilt({kStorage, integer(0), integer(4), sizes({1}), boolean(false), "}"}),
         "its size is no tuple"},
        {"strides missing", shaped(0, {2, 2}, {1}), "tensor 'w': 2 dimensions and 1 strides"},
        {"nine dimensions", shaped(0, std::vector<int64_t>(9, 1), std::vector<int64_t>(9, 1)),
         "9 dimensions, at most 8"},
        {"beyond its storage", shaped(1, {4}, {1}), "tensor 'w': reaches to byte 20 of a storage of 16"},
        {"stride beyond its storage", shaped(0, {2, 2}, {4, 1}), "reaches to byte 24 of a storage of 16"},
        {"shape that overflows", shaped(0, {int64_t{1} << 40, int64_t{1} << 40}, {0, 0}), "overflows"},
        {"shape that overflows in bytes", shaped(0, {int64_t{1} << 31, int64_t{1} << 31}, {0, 0}), "overflows"},
        {"stride that overflows", shaped(0, {1 << 20, 2}, {int64_t{1} << 50, 1}), "overflows"},
        {"stride-0 bomb", shaped(0, {1 << 15, 1 << 15}, {0, 0}),
         "tensor 'w' and those before it are larger than the file"},
        {"requires_grad a string", rebuilt({kStorage, integer(0), sizes({4}), sizes({1}), text("x"), "}"}),
         "requires_grad is no truth value"},
        {"a parameter of a number",
         pickled(dictionary({{text("w"),
                              call("torch._utils", "_rebuild_parameter", {integer(1), boolean(true), "}"})}})),
         "tensor 'w': made of a number"},
        {"the same name twice",
         pickled(dictionary({{text("a.b"), tensor(kStorage, 0, {4}, {1})},
                             {text("a"), dictionary({{text("b"), tensor(kStorage, 0, {4}, {1})}})}})),
         "two tensors named 'a.b'"},
        {"a tensor under a tuple", pickled(dictionary({{sizes({1}), tensor(kStorage, 0, {4}, {1})}})),
         "under a key that is a tuple"},
        {"a tensor under no text", pickled(dictionary({{python2_text("\xff"), tensor(kStorage, 0, {4}, {1})}})),
         "under a key that is not valid UTF-8"},
        {"a tensor without a name", pickled(dictionary({{text(""), tensor(kStorage, 0, {4}, {1})}})), "empty name"},
        {"a storage missing", pickled(dictionary({{text("w"), tensor(storage("FloatStorage", "1", 4), 0, {4}, {1})}})),
         "storage '1'"},
        {"a storage longer than its bytes",
         pickled(dictionary({{text("w"), tensor(storage("FloatStorage", "0", 5), 0, {4}, {1})}})), "storage '0'"},
    }));

// ---- every opcode

// A pickle that is accepted, with every opcode that is read.
std::string every_opcode() {
  const std::string scalars = "N" + op(0x88) + op(0x89) + "K\7" + "M\1\1" + "J\1\1\1\1" + op(0x8a) + "\1\5" + op(0x8b) +
                              little_endian(uint32_t{2}) + "\1\1" + "G" + std::string(8, '\1') + text("a") + "U\1b" +
                              "T" + little_endian(uint32_t{1}) + "c" + op(0x8c) + "\1d" + op(0x8d) +
                              little_endian(uint64_t{1}) + "e" + "C\1f" + "B" + little_endian(uint32_t{1}) + "g" +
                              op(0x8e) + little_endian(uint64_t{1}) + "h" + op(0x96) + little_endian(uint64_t{1}) + "i";
  const std::string containers = ")" + std::string("(Nt") + "N" + op(0x85) + "NN" + op(0x86) + "NNN" + op(0x87) +
                                 "]Na" + "](NNe" + "(Nl" + "(NNd" + "}NNs" + "}(NNu" + op(0x8f) + "(N" + op(0x90) +
                                 "(N" + op(0x91);
  const std::string names = global("collections", "OrderedDict") + ")R" + "}b" + text("collections") +
                            text("OrderedDict") + op(0x93) + ")" + op(0x81) + global("argparse", "Namespace") + ")}" +
                            op(0x92) + "Nq" + op(9) + "r" + little_endian(uint32_t{11}) + op(0x94) + "0h" + op(9) +
                            "j" + little_endian(uint32_t{11}) + "2" + "(N1" + kStorage;
  return op(0x80) + op(4) + op(0x95) + little_endian(uint64_t{1}) + "](" + scalars + containers + names + "e.";
}

TEST(Pickle, EveryOpcodeIsRead) {
  const auto checkpoint = open(torch_zip(every_opcode(), {{"0", std::string(16, '\1')}}));
  EXPECT_TRUE(checkpoint->tensors().empty());
  EXPECT_EQ(checkpoint->others().size(), 18u + 13u + 7u);
}

TEST(Pickle, EveryPrefixIsRefused) {
  const std::string whole = every_opcode();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string message = refusal_of_pickle(whole.substr(0, length));
    EXPECT_PRED_FORMAT2(IsSubstring, length < 12 ? "t.pth" : "cut off: it ends at byte", message) << length;
  }
}

// Each opcode that takes something from the stack, on one that has too little.
TEST(Pickle, AnEmptyStackIsNamed) {
  struct Row {
    std::string code;
    const char *name;
  };
  for (const Row &row : std::vector<Row>{{"0", "POP"},
                                         {"2", "DUP"},
                                         {"Q", "BINPERSID"},
                                         {"R", "REDUCE"},
                                         {"a", "APPEND"},
                                         {"b", "BUILD"},
                                         {"q\1", "BINPUT"},
                                         {"r\1\1\1\1", "LONG_BINPUT"},
                                         {"s", "SETITEM"},
                                         {op(0x81), "NEWOBJ"},
                                         {op(0x85), "TUPLE1"},
                                         {op(0x86), "TUPLE2"},
                                         {op(0x87), "TUPLE3"},
                                         {op(0x92), "NEWOBJ_EX"},
                                         {op(0x93), "STACK_GLOBAL"},
                                         {op(0x94), "MEMOIZE"}}) {
    for (const char *before : {"", "N("}) {
      const std::string message = refusal_of_pickle(pickled(before + row.code));
      EXPECT_PRED_FORMAT2(IsSubstring, std::string(row.name) + ": takes ", message);
      EXPECT_PRED_FORMAT2(IsSubstring, "from the stack, which has 0", message);
    }
  }
  for (const Row &row : std::vector<Row>{{"1", "POP_MARK"},
                                         {"d", "DICT"},
                                         {"e", "APPENDS"},
                                         {"l", "LIST"},
                                         {"t", "TUPLE"},
                                         {"u", "SETITEMS"},
                                         {op(0x90), "ADDITEMS"},
                                         {op(0x91), "FROZENSET"}}) {
    EXPECT_PRED_FORMAT2(IsSubstring, std::string(row.name) + ": there is no mark on the stack",
                        refusal_of_pickle(pickled("NNN" + row.code)));
  }
}

// ---- growth

// Thirty lists, each twice in the next: a thousand million tensors by name.
TEST(Pickle, ABillionNamesAreRefused) {
  std::string body = "](" + tensor(kStorage, 0, {0}, {1}) + "eq" + op(0);
  for (int i = 0; i < 30; ++i) body += "](h" + op(i) + "h" + op(i) + "eq" + op(i + 1);
  // What lies below on the stack goes into one list.
  const std::string message = refusal_of_pickle(pickled("(" + body + "l"));
  EXPECT_PRED_FORMAT2(IsSubstring, "reading it would take far more memory than its size", message);
}

TEST(Pickle, SharedListsWithoutTensorsAreFine) {
  std::string body = "](K\1eq" + op(0);
  for (int i = 0; i < 60; ++i) body += "](h" + op(i) + "h" + op(i) + "eq" + op(i + 1);
  EXPECT_EQ(open(torch_zip(pickled("(" + body + "l")))->others().size(), 61u);
}

TEST(HostilePickles, AreAsManyAsSecurityMdSays) { EXPECT_GE(test::table_size("HostilePickle"), 150); }

}  // namespace
}  // namespace sluice
