// SPDX-License-Identifier: Apache-2.0
// Recursive descent over one expression; values stay 64-bit integers until a real number or a real parameter joins.
#include "runtime/expression.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <system_error>

#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr int kMaxDepth = 64;  // of parentheses and signs

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c) || c == '.'; }

struct Number {
  bool is_integer = true;
  int64_t integer = 0;
  double real = 0;  // the value in both cases
};

Number of_integer(int64_t value) { return {true, value, static_cast<double>(value)}; }
Number of_real(double value) { return {false, 0, value}; }

std::string canonical(const Number &n) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: below, a whole real is its integer
  if (n.is_integer) return fmt::format("{}", n.integer);
  if (n.real == std::trunc(n.real) && std::abs(n.real) < kExact) {
    return fmt::format("{}", static_cast<int64_t>(n.real));
  }
  return fmt::format("{}", n.real);
}

class Evaluator {
 public:
  Evaluator(const std::string &text, const std::function<std::optional<std::string>(const std::string &)> &lookup)
      : text_(text), lookup_(lookup) {}

  std::string run() {
    const Number n = sum();
    if (at_ < text_.size()) fail(fmt::format("unexpected {}", in_quotes(text_.substr(at_, 1))));
    if (!n.is_integer && !std::isfinite(n.real)) fail("the value is not finite");
    return canonical(n);
  }

 private:
  [[noreturn]] void fail(const std::string &reason) const {
    throw Error(ErrorCode::bad_file, fmt::format("{} in {}", reason, in_quotes(text_)));
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Number sum() {
    Number left = product();
    for (;;) {
      const char op = take('+') ? '+' : take('-') ? '-' : '\0';
      if (op == '\0') return left;
      left = combine(op, left, product());
    }
  }

  Number product() {
    Number left = factor();
    for (;;) {
      const char op = take('*') ? '*' : take('/') ? '/' : take('%') ? '%' : '\0';
      if (op == '\0') return left;
      left = combine(op, left, factor());
    }
  }

  Number factor() {
    if (++depth_ > kMaxDepth) fail(fmt::format("more than {} nested parentheses or signs", kMaxDepth));
    Number result;
    if (take('-')) {
      result = combine('-', of_integer(0), factor());
    } else if (take('(')) {
      result = sum();
      if (!take(')')) fail("missing ')'");
    } else if (at_ < text_.size() && is_name_start(text_[at_])) {
      result = named();
    } else {
      result = literal();
    }
    --depth_;
    return result;
  }

  Number named() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    const std::string name = text_.substr(begin, at_ - begin);
    const std::optional<std::string> value = lookup_ ? lookup_(name) : std::nullopt;
    if (!value) fail(fmt::format("unknown name {}", in_quotes(name)));
    if (const auto integer = as_integer(*value)) return of_integer(*integer);
    if (const auto real = as_number(*value)) return of_real(*real);
    fail(fmt::format("{} is {}, not a number,", in_quotes(name), in_quotes(*value)));
  }

  Number literal() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_name_part(text_[at_]) || exponent_sign(begin))) ++at_;
    const std::string digits = text_.substr(begin, at_ - begin);
    if (digits.empty()) {
      fail(at_ < text_.size() ? fmt::format("unexpected {}", in_quotes(text_.substr(at_, 1)))
                              : "a value is missing at the end");
    }
    if (const auto integer = as_integer(digits)) return of_integer(*integer);
    const auto real = as_number(digits);
    if (!real) fail(fmt::format("bad number {}", in_quotes(digits)));
    if (digits.find_first_not_of("0123456789") == std::string::npos)
      fail(fmt::format("{} is too large", in_quotes(digits)));
    return of_real(*real);
  }

  // The sign of "1e-3" belongs to the number.
  bool exponent_sign(std::size_t begin) const {
    if ((text_[at_] != '+' && text_[at_] != '-') || at_ < begin + 2) return false;
    if (text_[at_ - 1] != 'e' && text_[at_ - 1] != 'E') return false;
    const auto mantissa = text_.substr(begin, at_ - 1 - begin);
    return mantissa.find_first_not_of("0123456789.") == std::string::npos;
  }

  Number combine(char op, const Number &a, const Number &b) const {
    if ((op == '/' || op == '%') && b.real == 0) fail("division by zero");
    if (!a.is_integer || !b.is_integer) return of_real(combine_reals(op, a.real, b.real));
    int64_t result = 0;
    bool overflow = false;
    if (op == '+') {
      overflow = __builtin_add_overflow(a.integer, b.integer, &result);
    } else if (op == '-') {
      overflow = __builtin_sub_overflow(a.integer, b.integer, &result);
    } else if (op == '*') {
      overflow = __builtin_mul_overflow(a.integer, b.integer, &result);
    } else if (b.integer == -1) {  // INT64_MIN / -1 does not fit
      overflow = op == '/' && __builtin_sub_overflow(int64_t{0}, a.integer, &result);
    } else if (op == '%') {
      result = a.integer % b.integer;
    } else {
      result = a.integer / b.integer;
      if (result * b.integer != a.integer) {
        fail(fmt::format("{}/{} leaves a remainder (write {}.0/{} for a real quotient)", a.integer, b.integer,
                         a.integer, b.integer));
      }
    }
    if (overflow) fail("the value does not fit 64 bits");
    return of_integer(result);
  }

  static double combine_reals(char op, double a, double b) {
    switch (op) {
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return a / b;
      default:
        return std::fmod(a, b);
    }
  }

  const std::string &text_;
  const std::function<std::optional<std::string>(const std::string &)> &lookup_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

template <typename T>
std::optional<T> whole(const std::string &text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string evaluate(const std::string &expression,
                     const std::function<std::optional<std::string>(const std::string &)> &lookup) {
  return Evaluator(expression, lookup).run();
}

std::optional<int64_t> as_integer(const std::string &text) { return whole<int64_t>(text); }

std::optional<double> as_number(const std::string &text) {
  const auto value = whole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace sluice
