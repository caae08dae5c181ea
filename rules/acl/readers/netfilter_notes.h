// What became of the lines of a rule set that is understood only when all of it is read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rules/acl/readers/line_ledger.h"

namespace demarc::netfilter {

/// What became of each line; the worst that was said of it counts.
class LineNotes {
 public:
  /// The lines are numbered from 1.
  explicit LineNotes(std::size_t lines) : states_(lines + 1) {}
  void say(std::uint32_t line, Understanding understanding, std::string why = {});
  /// Lines of which nothing was said count as not understood; blank ones do not count.
  void write(const Source& source, LineLedger& ledger) const;
  /// The same where what is counted are not lines but objects that stand on these lines.
  void write(const std::vector<std::uint32_t>& lines, LineLedger& ledger) const;

 private:
  static constexpr std::size_t kWhysMax = Device::kLineReportsMax;
  void write_one(std::uint32_t number, std::uint32_t line, LineLedger& ledger) const;
  std::vector<std::uint8_t> states_;  // 0: nothing was said
  std::map<std::uint32_t, std::string> whys_;
};

}  // namespace demarc::netfilter
