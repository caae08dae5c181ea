// The words of a Junos configuration, one line at a time. Internal to this folder.
#pragma once

#include <cstddef>
#include <string_view>

namespace demarc::junos {

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

struct Token {
  std::string_view word;
  bool quoted = false;
  bool is(char c) const { return !quoted && word.size() == 1 && word[0] == c; }
};

/// The next token of a line; false at its end, or where a comment to the end of the line begins.
bool next_token(std::string_view line, std::size_t& at, Token& out);

}  // namespace demarc::junos
