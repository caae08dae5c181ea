// What a scan on another machine is given on its standard input: the files of the rule set, the variables that
// chose some of them, targets, and the journal to go on with. Lines of JSON, each followed by the bytes it
// announces:
//
//   {"demarc":"scan-request","version":1}
//   {"part":"rules","name":"demarc.yaml","bytes":812}     the rule set first, then what it includes, in reading
//   order
//   ...812 bytes...
//   {"part":"variable","name":"DEMARC_ENV","value":"production"}
//   {"part":"targets","bytes":120}                        like -iL
//   {"part":"journal","bytes":40960}                      like --resume
//   {"part":"go"}
//
// After that the input stays open. A line "stop", or its end, ends the scan in order: a scan whose asker is gone
// does not go on. Names are names only: the far side opens no file by them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/text/result.h"

namespace demarc {

/// The files of a rule set as they were read, and the environment variables that it asked for.
struct RuleBundle {
  std::vector<std::pair<std::string, std::string>> files, variables;  // name and content, name and value
};

struct RemoteRequest {
  RuleBundle rules;
  std::optional<std::string> targets, journal;
};

std::string remote_request_text(const RemoteRequest& request);

inline constexpr std::string_view kStopLine = "stop\n";

/// Fed with bytes in any pieces. Bounded in lines, parts and bytes: see remote_request.cpp.
class RemoteRequestReader {
 public:
  Result<void> feed(std::string_view bytes);
  bool complete() const { return complete_; }
  /// Once it is complete: the request, and what came after it.
  RemoteRequest take() { return std::move(request_); }
  const std::string& rest() const { return pending_; }

 private:
  Result<void> take_line(std::string_view line);
  RemoteRequest request_;
  std::string pending_;
  std::string* part_ = nullptr;  // whose bytes are being read
  std::size_t part_left_ = 0;
  std::uint32_t lines_ = 0;
  std::uint64_t rules_bytes_ = 0;
  bool greeted_ = false, complete_ = false;
};

}  // namespace demarc
