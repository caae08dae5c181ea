#include "rules/acl/readers/nftables_tokens.h"

#include <algorithm>

namespace demarc::nft {

Token TokenReader::fetch() {
  for (;;) {
    const Token t = lexer_.next();
    if (t.kind != Token::Kind::comment) {
      line_begins_ = t.kind == Token::Kind::line_end;
      return t;
    }
    notes_.say(t.line, Understanding::not_filtering);
    // A match that this nft could not print stands behind a `#` in what it lists.
    if (!line_begins_ && source_.text().substr(t.begin, 5) == "# xt_") hidden_ = true;
  }
}

const Token& TokenReader::peek(std::size_t ahead) {
  while (ahead_.size() <= ahead) ahead_.push_back(fetch());
  return ahead_[ahead];
}

Token TokenReader::take() {
  const Token t = peek();
  ahead_.pop_front();
  if (t.kind == Token::Kind::word || t.kind == Token::Kind::quoted || t.kind == Token::Kind::sign) {
    notes_.say(t.line, reading_ ? Understanding::understood : Understanding::not_understood);
    last_end_ = t.end;
    last_line_ = t.line;
  }
  return t;
}

bool TokenReader::take_if(std::string_view what) {
  if (!peek().is(what)) return false;
  take();
  return true;
}

void TokenReader::skip_line_ends() {
  while (peek().kind == Token::Kind::line_end) take();
}

void TokenReader::fail(const Token& at, std::string what, std::string hint) {
  if (!failed_.empty()) return;
  failed_ = what;
  notes_.say(at.line, Understanding::not_understood, what);
  diagnostics_.warning(
      source_.at(std::min(at.begin, source_.text().size()), std::max<std::size_t>(at.end - at.begin, 1)),
      std::move(what), std::move(hint));
}

void TokenReader::skip_statement(bool understood) {
  reading_ = understood;
  unsigned depth = 0;
  while (peek().kind != Token::Kind::end) {
    if (depth == 0 && peek().ends_statement()) break;
    if (peek().is("{")) ++depth;
    if (peek().is("}")) --depth;
    take();
  }
  reading_ = true;
}

void TokenReader::skip_block() {
  if (!peek().is("{")) return skip_statement(true);
  skip_statement(true);
}

}  // namespace demarc::nft
