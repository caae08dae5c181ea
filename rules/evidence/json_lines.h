// JSON Lines read by SAX into flat fields, without a value tree: what both the scan journal and flow records stand
// on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/result.h"

namespace demarc {

/// One line as fields. A field's path is its keys joined with '.', without array indices: "service.name". Fields
/// whose path is in no row of the reader's table are skipped, with all they hold.
class JsonFields {
 public:
  struct Value {
    enum class Kind : std::uint8_t { absent, null, boolean, integer, real, text } kind = Kind::absent;
    std::int64_t integer = 0;
    double real = 0;
    bool boolean = false;
    std::string text;
  };
  /// The first value at a row of the table (of an array: its first element).
  const Value& at(std::size_t row) const { return values_[row]; }
  bool has(std::size_t row) const { return values_[row].kind != Value::Kind::absent; }
  /// All texts of an array of texts.
  std::span<const std::string> texts(std::size_t row) const;

  std::string_view text(std::size_t row, std::string_view otherwise = {}) const;
  std::optional<std::uint64_t> unsigned_integer(std::size_t row) const;

 private:
  friend class JsonLineParser;
  std::vector<Value> values_;
  std::vector<std::pair<std::size_t, std::vector<std::string>>> arrays_;
};

/// Splits fed bytes into lines and parses each.
class JsonLineReader {
 public:
  using OnLine = std::function<Result<void>(const JsonFields& fields, std::uint32_t line)>;
  /// `paths` is the table of known fields, in the order of the caller's enumeration.
  JsonLineReader(std::string file, std::span<const std::string_view> paths, OnLine on_line);
  ~JsonLineReader();
  JsonLineReader(const JsonLineReader&) = delete;
  JsonLineReader& operator=(const JsonLineReader&) = delete;

  Result<void> feed(std::string_view bytes);
  /// True if the input ended in the middle of a line that is no whole record: that line was dropped.
  Result<bool> finish();
  /// An error at a line of this file, with the line's text.
  Error error(std::uint32_t line, std::string what, std::string hint = {}) const;
  std::uint32_t line() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One JSON object at a time, for readers that go on after a broken one.
class JsonRecordParser {
 public:
  /// `paths` as in JsonLineReader; must outlive this.
  explicit JsonRecordParser(std::span<const std::string_view> paths);
  ~JsonRecordParser();
  JsonRecordParser(JsonRecordParser&&) noexcept;
  /// The fields of `text`, valid until the next call. The error has the column in bytes, from 1, and no file.
  Result<const JsonFields*> parse(std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Longer lines are no records of ours.
inline constexpr std::size_t kJsonLineMax = 4U << 20;

}  // namespace demarc
