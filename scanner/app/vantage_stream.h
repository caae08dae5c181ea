// A journal that comes from another process, perhaps on another machine that somebody else holds by now. Every line
// is read as a journal's line before it is kept: the vantage point and the rule set must be the ones we asked for,
// and no outcome may be of a target outside our own scope.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "rules/evidence/outcome.h"
#include "rules/policy/scope.h"
#include "rules/text/result.h"

namespace demarc {

class VantageStream {
 public:
  struct Expected {
    std::string file;  // the journal's name, for errors
    std::string vantage, rules_sha256;
    std::uint32_t shard = 1, shards = 1;
    const Scope* scope = nullptr;
  };
  /// Whole, checked lines. An error of the sink (the disk is full) ends the stream.
  using Keep = std::function<Result<void>(std::string_view lines)>;
  VantageStream(Expected expected, Keep keep) : expected_(std::move(expected)), keep_(std::move(keep)) {}

  /// The journal that is being resumed: it is checked like what comes, and nothing of it is kept again.
  Result<void> resume(std::string_view journal);
  /// Bytes in any pieces. What was good before an error has been kept.
  Result<void> feed(std::string_view bytes);

  bool begun() const { return !header_line_.empty(); }
  const ScanHeader& header() const { return header_; }
  /// Of the end record, if the journal ended.
  const std::optional<ScanSummary>& summary() const { return summary_; }
  std::uint64_t open() const { return open_; }

  static constexpr std::uint64_t kBytesMax = 4ULL << 30;

 private:
  Result<void> check(std::string_view lines);
  Result<void> check_header(const ScanHeader& header) const;
  std::unexpected<Error> refuse(std::uint32_t line, std::string what, std::string hint = {}) const;

  Expected expected_;
  Keep keep_;
  std::string header_line_, pending_;
  ScanHeader header_;
  std::optional<ScanSummary> summary_;
  std::uint64_t bytes_ = 0, open_ = 0;
  std::uint32_t lines_ = 0;
};

}  // namespace demarc
