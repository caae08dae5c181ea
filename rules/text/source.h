// A text that readers point into, with its lines found once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/result.h"

namespace demarc {

/// A named text. Locations made from it copy what they need and may outlive it.
class Source {
 public:
  Source(std::string name, std::string text);

  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  /// The line (from 1) without its end of line; empty past the end.
  std::string_view line(std::uint32_t number) const;
  std::uint32_t line_count() const { return static_cast<std::uint32_t>(line_starts_.size()); }
  /// The place of `length` bytes at a byte offset.
  Location at(std::size_t offset, std::size_t length = 1) const;
  /// The place at a line and column, both from 1.
  Location at_line(std::uint32_t line, std::uint32_t column, std::uint32_t length = 1) const;

 private:
  std::string name_, text_;
  std::vector<std::size_t> line_starts_;
};

}  // namespace demarc
