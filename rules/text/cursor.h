// Reads one line word by word and remembers where each word stood.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rules/text/result.h"

namespace demarc {

class Cursor {
 public:
  /// The line must outlive the cursor.
  Cursor(std::string_view file, std::string_view line, std::uint32_t line_number = 1);

  /// The next word (blanks separate), or an empty one at the end of the line.
  std::string_view word();
  /// The next word without taking it.
  std::string_view peek() const;
  bool at_end() const;
  /// All that is left, without leading blanks.
  std::string_view rest() const;
  /// The place of the word last taken.
  Location last() const;

 private:
  std::string_view file_, line_;
  std::uint32_t line_number_;
  std::size_t next_ = 0, last_begin_ = 0, last_end_ = 0;
};

}  // namespace demarc
