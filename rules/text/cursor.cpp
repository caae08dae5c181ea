#include "rules/text/cursor.h"

#include <algorithm>

namespace demarc {

namespace {
constexpr std::string_view kBlanks = " \t\r";
}

Cursor::Cursor(std::string_view file, std::string_view line, std::uint32_t line_number)
    : file_(file), line_(line), line_number_(line_number) {}

std::string_view Cursor::word() {
  std::size_t begin = line_.find_first_not_of(kBlanks, next_);
  if (begin == std::string_view::npos) begin = line_.size();
  std::size_t end = std::min(line_.find_first_of(kBlanks, begin), line_.size());
  last_begin_ = begin;
  last_end_ = next_ = end;
  return line_.substr(begin, end - begin);
}

std::string_view Cursor::peek() const {
  Cursor ahead = *this;
  return ahead.word();
}

bool Cursor::at_end() const { return peek().empty(); }

std::string_view Cursor::rest() const {
  std::size_t begin = line_.find_first_not_of(kBlanks, next_);
  return begin == std::string_view::npos ? std::string_view() : line_.substr(begin);
}

Location Cursor::last() const {
  return Location{.file = std::string(file_),
                  .line = line_number_,
                  .column = static_cast<std::uint32_t>(last_begin_ + 1),
                  .length = static_cast<std::uint32_t>(std::max<std::size_t>(last_end_ - last_begin_, 1)),
                  .line_text = std::string(line_)};
}

}  // namespace demarc
