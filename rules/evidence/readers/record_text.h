// What the readers of foreign flow records have in common as readers of text: lines of bounded length, numbers and
// times as sensors write them, and the honest account of what could not be read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/protocol.h"
#include "rules/net/time.h"
#include "rules/text/result.h"

namespace demarc {

/// Decimal digits only; none for anything else, and for what does not fit.
std::optional<std::uint64_t> parse_count(std::string_view text);
/// Seconds since 1970 with or without a fraction: "1795000000.000123".
std::optional<Timestamp> parse_epoch(std::string_view text);
/// A length of time in seconds with or without a fraction; not negative.
std::optional<Nanoseconds> parse_seconds(std::string_view text);
/// ISO 8601 as sensors write it: 'T' or a blank between day and time, a fraction or none, "Z", "+01:00", "+0100" or
/// no zone at all, which is taken as UTC.
std::optional<Timestamp> parse_sensor_time(std::string_view text);

/// A protocol as sensors name it: "TCP", "ICMP6", "IPv6-Frag", "OSPFIGP" (the keywords of IANA and nfdump's), or a
/// number with or without zeros in front ("047").
std::optional<Protocol> parse_sensor_protocol(std::string_view text);
/// The value of a hexadecimal digit, or -1.
int hex_digit(char c);
std::string_view without_blanks_around(std::string_view text);

/// What each column of a delimited log is, by its name in the header.
std::vector<int> columns_of(std::string_view header, char separator,
                            const std::function<int(std::string_view)>& field_of);
inline constexpr std::size_t kRecordColumnsMax = 1000;
/// Puts the columns of a delimited line where they belong: `fields[columns[i]]` is the text of column i, and a
/// column of -1 is nobody's. How many columns the line has.
std::size_t split_fields(std::string_view line, char separator, std::span<const int> columns,
                         std::span<std::string_view> fields);

/// Longer lines are no flow records: they are skipped to their end, and count as unreadable.
inline constexpr std::size_t kRecordLineMax = 1U << 20;

/// Cuts fed bytes into lines. A line is given whole, without its end ("\n" or "\r\n").
class RecordLines {
 public:
  /// `number` from 1; `too_long`: the line has more than kRecordLineMax bytes, and `line` is its beginning.
  using OnLine = std::function<Result<void>(std::string_view line, std::uint64_t number, bool too_long)>;
  explicit RecordLines(OnLine on_line) : on_line_(std::move(on_line)) {}
  Result<void> feed(std::string_view bytes);
  /// Gives what stands after the last line end, if anything; true if there was something.
  Result<bool> finish();
  std::uint64_t number() const { return number_; }

 private:
  Result<void> give(std::string_view line);
  OnLine on_line_;
  std::string pending_;
  bool overflowing_ = false;
  std::uint64_t number_ = 0;
};

/// Cuts a stream of JSON objects apart: one a line, one after the other, or as the elements of an array. Looks only
/// at quotes, backslashes and brackets: what an object holds is its parser's business.
class JsonObjects {
 public:
  /// `line`: where the object begins. `too_long`: it has more than kRecordLineMax bytes. `garbage`: this is no
  /// object, but text where one should begin, up to the end of its line.
  struct Piece {
    std::string_view text;
    std::uint64_t line = 0;
    bool too_long = false, garbage = false;
  };
  using OnObject = std::function<Result<void>(const Piece& piece)>;
  explicit JsonObjects(OnObject on_object) : on_object_(std::move(on_object)) {}
  Result<void> feed(std::string_view bytes);
  /// True if the stream ends in the middle of an object, or of an array.
  bool finish() const { return depth_ != 0 || (array_seen_ && !array_closed_); }
  std::uint64_t line() const { return line_; }

 private:
  OnObject on_object_;
  std::string pending_;
  std::uint64_t line_ = 1, began_ = 1;
  std::uint64_t depth_ = 0;
  bool in_text_ = false, escaped_ = false, overflowing_ = false, in_garbage_ = false;
  bool array_seen_ = false, array_closed_ = false;
};

}  // namespace demarc
