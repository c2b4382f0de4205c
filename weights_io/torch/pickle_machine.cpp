// SPDX-License-Identifier: Apache-2.0
// The stack machine of the pickle format, without anything that could call a function.
#include <fmt/format.h>

#include <utility>

#include "weights_io/error.h"
#include "weights_io/text.h"
#include "weights_io/torch/pickle.h"
#include "weights_io/torch/pickle_globals.h"
#include "weights_io/torch/pickle_opcodes.h"
#include "weights_io/torch/pickle_state.h"

namespace sluice::pickle {
namespace {

constexpr std::size_t kMaxNameBytes = 1'000;
constexpr int64_t kMaxInteger = (int64_t{1} << 55) - 1;  // of a Value
constexpr unsigned kHighestProtocol = 5;

class Machine : private State {
 public:
  using State::State;

  Tree run() {
    while (true) {
      const std::optional<Operation> operation = decode(tree_.bytes, tree_.end);
      if (!operation) fail_at_end();
      at_ = *operation;
      check_known();
      tree_.end = at_.end;
      if (at_.opcode->code == Code::stop) break;
      step();
    }
    if (stack_size() != 1 || marks() != 0) fail(fmt::format("{} values are left on the stack, not one", stack_size()));
    tree_.root = top();
    return std::move(tree_);
  }

 private:
  [[noreturn]] void fail_at_end() const {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: its pickle is cut off: it ends at byte {} without STOP", file_, tree_.bytes.size()));
  }

  void check_known() const {
    if (at_.opcode == nullptr) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: its pickle is refused at byte {}: 0x{:02x} is no opcode", file_,
                                                   at_.begin, std::to_integer<unsigned>(tree_.bytes[at_.begin])));
    }
    if (at_.opcode->code == Code::refused) {
      fail(fmt::format("no weights need this opcode (0x{:02x})", static_cast<unsigned>(at_.opcode->byte)));
    }
  }

  // ---- containers

  void extend(Kind expected, const std::vector<Value> &values) {
    const Value container = top();
    if (container.kind() == Kind::opaque) return;
    if (container.kind() != expected) fail(fmt::format("adds to {}", describe(container.kind())));
    add_items(container, values);
  }

  void check_pairs(const std::vector<Value> &values) const {
    if (values.size() % 2 != 0) fail("a key without a value");
    for (std::size_t i = 0; i < values.size(); i += 2) {
      const Kind kind = values[i].kind();
      if (kind == Kind::list || kind == Kind::dictionary || kind == Kind::set) {
        fail(fmt::format("{} as a key", describe(kind)));
      }
    }
  }

  void set_items(const std::vector<Value> &values) {
    check_pairs(values);
    extend(Kind::dictionary, values);
  }

  void push_dictionary(std::vector<Value> pairs) {
    check_pairs(pairs);
    push_node(Kind::dictionary, std::move(pairs));
  }

  // ---- scalars

  void push_integer(int64_t value) { push({Kind::integer, static_cast<uint64_t>(value)}); }

  void push_long() {
    int64_t value = 0;
    for (std::size_t i = at_.argument_bytes; i > 0; --i) {
      const auto byte = std::to_integer<unsigned char>(tree_.bytes[at_.argument + i - 1]);
      const int64_t digit = i == at_.argument_bytes ? static_cast<signed char>(byte) : int64_t{byte};
      if (value > (kMaxInteger >> 8) || value < -(kMaxInteger >> 8)) return push(argument_place(Kind::long_integer));
      value = value * 256 + digit;
    }
    push_integer(value);
  }

  void push_text() {
    if (at_.opcode->byte != 'T' && at_.opcode->byte != 'U' && !is_valid_utf8(argument_text())) {
      fail("text that is not valid UTF-8");
    }
    push(argument_place(Kind::text));
  }

  // ---- names, and what is called

  void push_global(std::string_view module, std::string_view name) {
    if (module.size() > kMaxNameBytes || name.size() > kMaxNameBytes) fail("a name too long for any code");
    const std::optional<std::size_t> found = find_global(module, name);
    if (!found) refuse_global(file_, module, name);
    push({Kind::global, *found});
  }

  void global() {
    const std::string_view lines = argument_text();
    const std::size_t end = lines.find('\n');
    push_global(lines.substr(0, end), lines.substr(end + 1));
  }

  void stack_global() {
    const std::vector<Value> values = pop_many(2);
    if (values[0].kind() != Kind::text || values[1].kind() != Kind::text) fail("a name that is not text");
    push_global(tree_.text(values[0]), tree_.text(values[1]));
  }

  // An OrderedDict of Python 2 is called with the list of its pairs.
  std::vector<Value> pairs_of(const std::vector<Value> &arguments) const {
    std::vector<Value> pairs;
    if (arguments.empty()) return pairs;
    if (arguments.size() != 1 || arguments[0].kind() != Kind::list)
      fail("an OrderedDict of something other than pairs");
    for (const Value pair : tree_.items(arguments[0])) {
      const bool is_node = pair.kind() == Kind::list || pair.kind() == Kind::tuple;
      if (!is_node || tree_.items(pair).size() != 2) fail("an OrderedDict of something other than pairs");
      pairs.insert(pairs.end(), tree_.items(pair).begin(), tree_.items(pair).end());
    }
    return pairs;
  }

  void push_size(const std::vector<Value> &arguments) {
    if (arguments.size() != 1 || (arguments[0].kind() != Kind::tuple && arguments[0].kind() != Kind::list)) {
      fail("a torch.Size of something other than a tuple");
    }
    push(arguments[0]);
  }

  void call(Value function, Value arguments) {
    if (function.kind() != Kind::global) fail(fmt::format("calls {}", describe(function.kind())));
    if (arguments.kind() != Kind::tuple) fail(fmt::format("arguments that are {}", describe(arguments.kind())));
    switch (global_of(function.index()).role) {
      case Role::ordered_dictionary:
        return push_dictionary(pairs_of(tree_.items(arguments)));
      case Role::dictionary:
        return push_dictionary({});
      case Role::size:
        return push_size(tree_.items(arguments));
      case Role::storage:
      case Role::dtype:
      case Role::tensor_class:
        fail(fmt::format("calls {}", global_of(function.index()).what));
      case Role::plain:
        return push({Kind::opaque, function.payload()});
      default:
        return push(call_of(function.index(), arguments));
    }
  }

  void call_with(std::size_t count) {
    const std::vector<Value> values = pop_many(count);
    if (count == 3 && values[2].kind() != Kind::dictionary) fail("named arguments that are not a dictionary");
    call(values[0], values[1]);
  }

  // The attributes of a dictionary (_metadata of a state_dict) say nothing about its contents.
  void build() {
    pop();
    const Kind kind = top().kind();
    if (kind != Kind::dictionary && kind != Kind::opaque) fail(fmt::format("sets attributes of {}", describe(kind)));
  }

  // ---- one opcode

  void step() {
    if (!step_scalar() && !step_container()) step_name();
  }

  bool step_scalar() {
    switch (at_.opcode->code) {
      case Code::proto:
        if (argument() > kHighestProtocol) fail(fmt::format("protocol {} does not exist", argument()));
        return true;
      case Code::frame:
        if (argument() > tree_.bytes.size() - at_.end) fail("a frame longer than the pickle");
        return true;
      case Code::none:
        return push({Kind::none, 0}), true;
      case Code::new_true:
        return push({Kind::boolean, 1}), true;
      case Code::new_false:
        return push({Kind::boolean, 0}), true;
      case Code::unsigned_integer:
        return push_integer(static_cast<int64_t>(argument())), true;
      case Code::signed_integer:
        return push_integer(static_cast<int32_t>(argument())), true;
      case Code::long_integer:
        return push_long(), true;
      case Code::number:
        return push({Kind::number, 0}), true;
      case Code::text:
        return push_text(), true;
      case Code::bytes:
        return push(argument_place(Kind::bytes)), true;
      default:
        return false;
    }
  }

  bool step_container() {
    switch (at_.opcode->code) {
      case Code::empty_tuple:
        return push_node(Kind::tuple, {}), true;
      case Code::tuple:
        return push_node(Kind::tuple, pop_to_mark()), true;
      case Code::tuple1:
        return push_node(Kind::tuple, pop_many(1)), true;
      case Code::tuple2:
        return push_node(Kind::tuple, pop_many(2)), true;
      case Code::tuple3:
        return push_node(Kind::tuple, pop_many(3)), true;
      case Code::empty_list:
        return push_node(Kind::list, {}), true;
      case Code::list:
        return push_node(Kind::list, pop_to_mark()), true;
      case Code::append:
        return extend(Kind::list, pop_many(1)), true;
      case Code::appends:
        return extend(Kind::list, pop_to_mark()), true;
      case Code::empty_dict:
        return push_dictionary({}), true;
      case Code::dict:
        return push_dictionary(pop_to_mark()), true;
      case Code::setitem:
        return set_items(pop_many(2)), true;
      case Code::setitems:
        return set_items(pop_to_mark()), true;
      case Code::empty_set:
        return push_node(Kind::set, {}), true;
      case Code::frozen_set:
        return push_node(Kind::set, pop_to_mark()), true;
      case Code::add_items:
        return extend(Kind::set, pop_to_mark()), true;
      default:
        return false;
    }
  }

  void step_name() {
    switch (at_.opcode->code) {
      case Code::mark:
        return push_mark();
      case Code::pop:
        return void(pop());
      case Code::pop_mark:
        return void(pop_to_mark());
      case Code::dup:
        return push(top());
      case Code::put:
        return put(argument());
      case Code::get:
        return get(argument());
      case Code::memoize:
        return memoize();
      case Code::global:
        return global();
      case Code::stack_global:
        return stack_global();
      case Code::reduce:
      case Code::newobj:
        return call_with(2);
      case Code::newobj_ex:
        return call_with(3);
      case Code::build:
        return build();
      case Code::persistent_id:
        return push_storage(pop());
      default:
        fail("is not read");
    }
  }
};

}  // namespace

Tree read_pickle(std::span<const std::byte> bytes, Budget &budget, const std::string &file) {
  if (bytes.size() > kMaxPickleBytes) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: a pickle of {} bytes, at most {} are accepted", file, bytes.size(), kMaxPickleBytes));
  }
  return Machine(bytes, budget, file).run();
}

}  // namespace sluice::pickle
