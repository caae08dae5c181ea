// Keeps account of what became of each line, so that nothing is skipped in silence.
#pragma once

#include <string>
#include <string_view>

#include "rules/acl/device.h"
#include "rules/text/source.h"

namespace demarc {

class LineLedger {
 public:
  /// Both must outlive it.
  LineLedger(const Source& source, Device& device) : source_(source), device_(device) {}

  /// One call for each line that is not blank. `why` is for lines that are not plainly understood.
  void mark(std::uint32_t line, Understanding understanding, std::string why = {});
  /// The text of entries and reports: bounded, without blanks at its ends.
  static std::string bounded(std::string_view text);

 private:
  const Source& source_;
  Device& device_;
};

}  // namespace demarc
