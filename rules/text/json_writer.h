// Writes JSON without building a value tree: fields in the order they are given, so the same value gives the same
// bytes.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace demarc {

class JsonWriter {
 public:
  enum class Style { compact, indented };
  explicit JsonWriter(Style style = Style::compact) : style_(style) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth);
  template <std::integral Int>
    requires(!std::same_as<Int, bool>)
  JsonWriter& value(Int number) {
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
    return raw({digits, static_cast<std::size_t>(end - digits)});
  }
  /// Six significant digits; JSON has no NaN or infinity (RFC 8259 §6), which become null.
  JsonWriter& value(double number);
  JsonWriter& null() { return raw("null"); }
  /// A piece of JSON that is already written.
  JsonWriter& raw(std::string_view json);

  template <typename T>
  JsonWriter& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  /// The field, unless the text is empty.
  JsonWriter& field_unless_empty(std::string_view name, std::string_view text) {
    return text.empty() ? *this : field(name, text);
  }

  /// What was written; the writer is empty afterwards.
  std::string take();
  /// The same to the end of `out`; the writer keeps its memory for the next one.
  void take_to(std::string& out);

 private:
  void before_value();
  void close(char bracket);
  void new_line();

  Style style_;
  std::string out_;
  struct Level {
    bool empty = true;
  };
  std::vector<Level> levels_;
  bool after_key_ = false;
};

}  // namespace demarc
