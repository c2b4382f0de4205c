// SPDX-License-Identifier: Apache-2.0
#include "tests/trust/draw.h"

#include <algorithm>
#include <sstream>

namespace sluice::testing {
namespace {

// A number of the case, and what it becomes.
struct Change {
  int64_t before = 1, after = 1;
};

Change operator*(const Change &a, const Change &b) { return {a.before * b.before, a.after * b.after}; }

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

bool is_number(const std::string &text) {
  return !text.empty() && text.find_first_not_of("-0123456789") == std::string::npos;
}

// 1, primes, odd and even numbers, now and then a large one; often with the powers of two that the case has.
int64_t draw_extent(Random &random, int64_t before) {
  static const std::vector<int64_t> primes = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};
  if (random.chance(25)) return before * random.between(1, 2);
  const int64_t kind = random.below(100);
  int64_t value = random.between(2, 24);
  if (kind < 10) value = 1;
  if (kind >= 10 && kind < 35) value = random.one_of(primes);
  if (kind >= 35 && kind < 60) value = 2 * random.between(1, 10) + 1;
  if (kind >= 97) value = random.between(40, 97);
  const int64_t twos = std::min<int64_t>(before & -before, 8);
  return random.chance(70) ? round_up(value, twos) : value;
}

class Draw {
 public:
  Draw(const LayerCase &from, Random &random, int64_t batch) : from_(from), random_(random), line_(from.attributes) {
    drawn_.problem = from;
    draw_numbers();
    draw_base(batch);
    for (size_t i = 0; i < from.inputs.size(); i++) draw_input(i);
    drawn_.problem.attributes = line_.text();
    // Labels that name a channel.
    for (auto &label : drawn_.problem.labels) {
      if (label.second == c_.before) label.second = static_cast<int>(c_.after);
    }
  }
  Drawn take() { return drawn_; }

 private:
  // The extent of axis d of the picture: that of the first input, or of another one where the first one has 1.
  int64_t base_extent(size_t d) const {
    for (const auto &shape : from_.inputs) {
      if (shape.size() == from_.inputs[0].size() && shape[d] != 1) return shape[d];
    }
    return 1;
  }

  template <typename Value>
  void change_items(const std::string &name, Value value) {
    if (!line_.has(name)) return;
    std::vector<std::string> items = line_.items(name);
    for (std::string &item : items) {
      if (is_number(item)) item = std::to_string(value(std::stoll(item)));
    }
    line_.set(name, items);
  }

  int64_t product(const std::string &name, size_t axes) const {
    if (!line_.has(name)) return 1;
    int64_t taps = 1;
    const std::vector<std::string> &items = line_.items(name);
    for (size_t i = 0; i < std::max(axes, items.size()); i++) {
      const std::string &item = items[std::min(i, items.size() - 1)];
      taps *= is_number(item) ? std::stoll(item) : 1;
    }
    return taps;
  }

  void draw_numbers() {
    static const std::vector<int64_t> sizes = {1, 2, 3, 3, 3, 4, 5, 5, 7};
    const size_t axes = from_.inputs[0].size() > 2 ? from_.inputs[0].size() - 2 : 2;
    taps_.before = product("kernel", axes);
    if (random_.chance(60)) change_items("kernel", [&](int64_t k) { return k == 1 ? k : random_.one_of(sizes); });
    taps_.after = product("kernel", axes);
    const int64_t reach = line_.integer("kernel", 1);
    if (random_.chance(50)) change_items("stride", [&](int64_t) { return random_.between(1, 3); });
    if (random_.chance(50)) change_items("dilation", [&](int64_t) { return random_.between(1, 4); });
    if (random_.chance(40)) {
      change_items("padding", [&](int64_t) { return random_.between(0, std::max<int64_t>(reach - 1, 1)); });
    } else {
      change_items("padding", [&](int64_t p) { return std::max<int64_t>(p, reach / 2); });
    }
    change_items("output_size", [&](int64_t extent) { return draw_extent(random_, extent); });
  }

  void draw_base(int64_t batch) {
    const std::vector<int64_t> &first = from_.inputs[0];
    n_ = {base_extent(0), batch > 0 ? batch : random_.chance(50) ? random_.between(1, 2) : random_.between(1, 5)};
    const int64_t factor = line_.integer("factor", 1);
    const int64_t groups = std::max<int64_t>(line_.integer("groups", line_.integer("num_groups", factor * factor)), 1);
    const auto channels = [&](int64_t before) {
      const int64_t value = random_.chance(30) ? before * random_.between(1, 3) : random_.between(1, 40);
      return random_.chance(90) ? round_up(value, groups) : value;
    };
    if (first.size() > 1) c_ = {base_extent(1), channels(base_extent(1))};
    channels_ = {line_.integer("channels", 1), line_.integer("channels", 1)};
    if (line_.has("channels")) {
      channels_.after = channels_.before == c_.before && random_.chance(60) ? c_.after : channels(channels_.before);
      line_.set("channels", {std::to_string(channels_.after)});
    }
    space_.assign(first.size(), Change());
    for (size_t d = 2; d < first.size(); d++) space_[d] = {base_extent(d), draw_extent(random_, base_extent(d))};
    while (pixels(false) > 12 * std::max<int64_t>(pixels(true), 40)) {
      auto largest = std::max_element(space_.begin(), space_.end(),
                                      [](const Change &a, const Change &b) { return a.after < b.after; });
      largest->after = std::max<int64_t>(largest->after / 2, 1);
    }
  }

  int64_t pixels(bool before) const {
    int64_t count = 1;
    for (const Change &one : space_) count *= before ? one.before : one.after;
    return count;
  }

  void draw_input(size_t input) {
    std::vector<int64_t> &shape = drawn_.problem.inputs[input];
    const bool batched = shape[0] == n_.before;
    if (batched) shape[0] = n_.after;
    drawn_.batched.push_back(batched);
    const bool like_picture = is_picture(shape);
    for (size_t d = 1; d < shape.size(); d++) {
      const size_t from_end = shape.size() - d;  // generated kernels, [n, c, taps, (o,) y, x]: a set for every result
      const bool of_result = shape.size() > space_.size() && from_end + 2 <= space_.size();
      shape[d] = like_picture && d >= 2 ? spatial(shape[d], space_[d])
                 : of_result            ? result(shape[d], space_.size() - from_end)
                                        : counted(shape[d]);
    }
  }

  bool is_picture(const std::vector<int64_t> &shape) const {
    if (shape.size() != space_.size()) return false;
    for (size_t d = 2; d < shape.size(); d++) {
      const int64_t extent = shape[d], base = space_[d].before;
      if (extent != 1 && extent % base != 0 && base % extent != 0) return false;
    }
    return true;
  }

  // An extent that is that of the layer's result on axis d of the picture.
  int64_t result(int64_t extent, size_t d) const {
    const AttributeLine before(from_.attributes);
    return extent == window_result(before, space_[d].before, d - 2) ? window_result(line_, space_[d].after, d - 2)
                                                                    : spatial(extent, space_[d]);
  }

  static int64_t window_result(const AttributeLine &line, int64_t extent, size_t axis) {
    const auto item = [&](const std::string &name, size_t number, int64_t otherwise) -> int64_t {
      if (!line.has(name)) return otherwise;
      const std::vector<std::string> &items = line.items(name);
      const std::string &text = items[std::min(number, items.size() - 1)];
      return is_number(text) ? std::stoll(text) : otherwise;
    };
    const int64_t stride = item("stride", axis, 1);
    const int64_t reach = item("dilation", axis, 1) * (item("kernel", axis, 1) - 1);
    if (line.has("padding") && line.items("padding")[0] == "same") return (extent + stride - 1) / stride;
    const int64_t padding = item("padding", 2 * axis, 0) + item("padding", 2 * axis + 1, 0);
    return std::max<int64_t>((extent + padding - reach - 1) / stride + 1, 1);
  }

  static int64_t spatial(int64_t extent, const Change &base) {
    if (extent == base.before) return base.after;
    if (extent == 1) return 1;
    if (extent % base.before == 0) return extent / base.before * base.after;
    if (base.before % extent == 0) return std::max<int64_t>(base.after / (base.before / extent), 1);
    return extent;
  }

  // Channels of a tensor, which may be a product: taps and channels of generated kernels.
  int64_t counted(int64_t extent) const {
    if (extent == c_.before) return c_.after;
    if (extent == 1) return 1;
    for (const Change &one :
         {c_ * taps_, channels_, channels_ * taps_, c_ * channels_, c_ * channels_ * taps_, taps_}) {
      if (extent == one.before) return one.after;
    }
    for (size_t d = 2; d < space_.size(); d++) {
      if (extent == space_[d].before) return space_[d].after;
    }
    return extent % c_.before == 0 && c_.before > 1 ? extent / c_.before * c_.after : extent;
  }

  const LayerCase &from_;
  Random &random_;
  AttributeLine line_;
  Drawn drawn_;
  Change n_, c_, taps_, channels_;
  std::vector<Change> space_;
};

}  // namespace

Random::Random(uint64_t seed, const std::string &layer, int64_t number) {
  std::vector<uint32_t> words = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                                 static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)};
  for (const char c : layer) words.push_back(static_cast<uint32_t>(c));
  std::seed_seq sequence(words.begin(), words.end());
  engine_.seed(sequence);
}

AttributeLine::AttributeLine(const std::string &text) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    std::istringstream list(word.substr(equals + 1));
    std::vector<std::string> items;
    for (std::string item; std::getline(list, item, ',');) items.push_back(item);
    values_.emplace_back(word.substr(0, equals), items);
  }
}

std::string AttributeLine::text() const {
  std::string text;
  for (const auto &[name, items] : values_) {
    text += (text.empty() ? "" : " ") + name + "=";
    for (size_t i = 0; i < items.size(); i++) text += (i == 0 ? "" : ",") + items[i];
  }
  return text;
}

bool AttributeLine::has(const std::string &name) const {
  return std::any_of(values_.begin(), values_.end(), [&](const auto &one) { return one.first == name; });
}

const std::vector<std::string> &AttributeLine::items(const std::string &name) const {
  const auto found = std::find_if(values_.begin(), values_.end(), [&](const auto &one) { return one.first == name; });
  if (found == values_.end()) throw std::out_of_range(name);
  return found->second;
}

int64_t AttributeLine::integer(const std::string &name, int64_t otherwise) const {
  return has(name) && is_number(items(name)[0]) ? std::stoll(items(name)[0]) : otherwise;
}

void AttributeLine::set(const std::string &name, const std::vector<std::string> &items) {
  for (auto &one : values_) {
    if (one.first != name) continue;
    one.second = items;
    return;
  }
  values_.emplace_back(name, items);
}

Drawn draw(const LayerCase &from, Random &random, int64_t batch) { return Draw(from, random, batch).take(); }

}  // namespace sluice::testing
