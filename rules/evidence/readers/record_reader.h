// What every reader of foreign flow records is, and which one a file needs.
//
// What a line does not tell is an error with its place where the whole file is of no use, and otherwise is counted:
// FlowSource::undecoded says how many, FlowSource::problem names the first. A file in which more than one line in
// two cannot be read is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rules/evidence/readers/record_flows.h"
#include "rules/evidence/readers/record_text.h"
#include "rules/text/result.h"

namespace demarc {

class RecordReader {
 public:
  /// `kind`: what the file is, for people ("Zeek conn.log"); `unit`: what is counted ("line").
  RecordReader(RecordFlows& flows, std::string file, std::string sensor, std::string_view kind);
  virtual ~RecordReader() = default;
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  /// A file's bytes in any pieces.
  virtual Result<void> feed(std::string_view bytes) = 0;
  /// The end of the file: "Zeek conn.log, 1,234 records, 3 skipped".
  Result<std::string> finish();

 protected:
  virtual Result<void> at_end() = 0;
  /// What stands at this place cannot be read. Fails when that has happened too often.
  Result<void> unreadable(std::uint64_t line, std::size_t column, std::string what, std::string_view text,
                          std::string hint = {});
  /// The addresses of a conversation. What is wrong, if anything: with which of the two, and in words.
  struct BadEnd {
    bool destination = false;
    std::string what;
  };
  static std::optional<BadEnd> take_ends(std::string_view source, std::string_view destination, FlowPiece& piece);
  /// What speaks there, by the sensor's name for it: an index of flows().
  std::uint32_t spoken(std::string_view name, std::string_view evidence);
  /// Readable, and not about a conversation.
  void skip() { ++skipped_; }
  void add(FlowPiece& piece, std::uint64_t line);
  void cut() { cut_ = true; }   // the file ends in the middle of a record
  void flaw(std::string what);  // what the sensor missed, in words; kept in the order it is found, bounded
  std::unexpected<Error> refuse(std::uint64_t line, std::size_t column, std::string what,
                                std::string hint = {}) const;
  FlowSource& source() { return flows_.source(index_); }
  RecordFlows& flows() { return flows_; }

 private:
  RecordFlows& flows_;
  std::uint32_t index_;
  std::string kind_;
  std::uint64_t taken_ = 0, skipped_ = 0, unreadable_ = 0, untyped_ = 0;
  bool cut_ = false;
  std::optional<Error> first_;
  std::string flaws_;
  std::string last_spoken_;  // and its index: most records repeat it
  std::uint32_t last_spoken_index_ = kNone32;
};

/// A log with a record in each line.
class LineRecordReader : public RecordReader {
 public:
  Result<void> feed(std::string_view bytes) override { return lines_.feed(bytes); }

 protected:
  LineRecordReader(RecordFlows& flows, std::string file, std::string sensor, std::string_view kind);
  Result<void> at_end() final;
  /// Without its end, and without a byte-order mark.
  virtual Result<void> on_line(std::string_view line, std::uint64_t number) = 0;
  /// The beginning of one that is too long.
  virtual Result<void> on_long_line(std::string_view line, std::uint64_t number);
  virtual Result<void> after_lines() { return {}; }
  /// This line cannot be read. That of the last one is no wonder: the file was cut there.
  Result<void> bad_line(std::string_view line, std::uint64_t number, std::size_t column, std::string what);
  /// The same of a word in it; an empty word stands nowhere.
  Result<void> bad_word(std::string_view line, std::uint64_t number, std::string_view word, std::string what);

 private:
  RecordLines lines_;
  bool at_last_ = false;
};

enum class RecordFormat : std::uint8_t {
  zeek_tsv,
  zeek_json,
  suricata_eve,
  nfdump_csv,
  nfdump_json,
  aws_vpc,
  azure,
};

/// What a file is by its beginning (4 KiB are enough); none: no flow records known here. The error names formats
/// that must be converted first, and says how.
Result<std::optional<RecordFormat>> record_format(std::string_view head);
std::unique_ptr<RecordReader> record_reader(RecordFormat format, RecordFlows& flows, std::string file,
                                            std::string sensor);

/// The name of an application protocol as rule sets spell it, for the names that Zeek and Suricata use; empty: one
/// that demarc has no name for, or none. Of a list ("ssl,http") the protocol that was spoken first.
std::string_view foreign_service(std::string_view name);

}  // namespace demarc
