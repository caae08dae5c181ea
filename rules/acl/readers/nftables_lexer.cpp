#include "rules/acl/readers/nftables_lexer.h"

#include <algorithm>

namespace demarc::nft {

Token Lexer::next() {
  constexpr std::string_view kSigns = "{}();,=!<>&|^";
  for (;;) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    if (at_ < text_.size() && text_[at_] == '\\') {
      std::size_t behind = at_ + 1;
      while (behind < text_.size() && (text_[behind] == ' ' || text_[behind] == '\t' || text_[behind] == '\r'))
        ++behind;
      if (behind < text_.size() && text_[behind] == '\n') {
        at_ = behind + 1;
        ++line_;
        continue;
      }
    }
    break;
  }
  Token t;
  t.line = line_;
  t.begin = at_;
  if (at_ >= text_.size()) {
    t.end = at_;
    return t;
  }
  const char c = text_[at_];
  if (c == '\n') {
    t.kind = Token::Kind::line_end;
    ++at_, ++line_;
  } else if (c == '#') {
    t.kind = Token::Kind::comment;
    at_ = std::min(text_.find('\n', at_), text_.size());
  } else if (c == '"') {
    const std::size_t close = std::min(text_.find_first_of("\"\n", at_ + 1), text_.size());
    t.kind = Token::Kind::quoted;
    t.text = text_.substr(at_ + 1, close - at_ - 1);
    at_ = close < text_.size() && text_[close] == '"' ? close + 1 : close;
    t.end = at_;
    return t;
  } else if (kSigns.find(c) != std::string_view::npos) {
    t.kind = Token::Kind::sign;
    ++at_;
    // "==", "!=", "<=", ">=", "<<", ">>"
    if (at_ < text_.size() && ((text_[at_] == '=' && std::string_view("=!<>").find(c) != std::string_view::npos) ||
                               ((c == '<' || c == '>') && text_[at_] == c)))
      ++at_;
  } else {
    t.kind = Token::Kind::word;
    while (at_ < text_.size() && text_[at_] != ' ' && text_[at_] != '\t' && text_[at_] != '\r' &&
           text_[at_] != '\n' && text_[at_] != '"' && text_[at_] != '#' &&
           kSigns.find(text_[at_]) == std::string_view::npos)
      ++at_;
  }
  t.end = at_;
  t.text = text_.substr(t.begin, t.end - t.begin);
  return t;
}

}  // namespace demarc::nft
