#include "rules/text/source.h"

#include <algorithm>

namespace demarc {

namespace {
// A hostile file may be one line of a gigabyte: what an error quotes is cut around its column.
constexpr std::size_t kQuotedLineMax = 400;
}  // namespace

Source::Source(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
  line_starts_.push_back(0);
  for (std::size_t i = text_.find('\n'); i != std::string::npos; i = text_.find('\n', i + 1))
    line_starts_.push_back(i + 1);
}

std::string_view Source::line(std::uint32_t number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  std::size_t begin = line_starts_[number - 1];
  std::size_t end = number < line_starts_.size() ? line_starts_[number] - 1 : text_.size();
  std::string_view line(text_.data() + begin, end - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Location Source::at(std::size_t offset, std::size_t length) const {
  offset = std::min(offset, text_.size());
  auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  auto number = static_cast<std::uint32_t>(after - line_starts_.begin());
  return at_line(number, static_cast<std::uint32_t>(offset - line_starts_[number - 1] + 1),
                 static_cast<std::uint32_t>(length));
}

Location Source::at_line(std::uint32_t number, std::uint32_t column, std::uint32_t length) const {
  std::string_view text = line(number);
  std::string quoted = text.size() <= kQuotedLineMax ? std::string(text) : std::string();
  return Location{.file = name_,
                  .line = number,
                  .column = column,
                  .length = std::max<std::uint32_t>(length, 1),
                  .line_text = std::move(quoted)};
}

}  // namespace demarc
