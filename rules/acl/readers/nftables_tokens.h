// The words of a rule set in nftables' language, one ahead and more, and what becomes of those that cannot be read.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "rules/acl/readers/netfilter_notes.h"
#include "rules/acl/readers/nftables_lexer.h"
#include "rules/text/diagnostics.h"
#include "rules/text/source.h"

namespace demarc::nft {

class TokenReader {
 protected:
  TokenReader(const Source& source, Diagnostics& diagnostics, netfilter::LineNotes& notes)
      : source_(source), diagnostics_(diagnostics), notes_(notes), lexer_(source.text()) {}

  const Token& peek(std::size_t ahead = 0);
  Token take();
  bool take_if(std::string_view what);
  void skip_line_ends();
  void put_back(Token token) { ahead_.push_front(token); }
  void fail(const Token& at, std::string what, std::string hint = {});
  bool bad() const { return !failed_.empty(); }
  /// To the end of the statement, blocks included.
  void skip_statement(bool understood = false);
  /// A block in braces of which nothing is wanted. Its opening brace is next.
  void skip_block();

  const Source& source_;
  Diagnostics& diagnostics_;
  netfilter::LineNotes& notes_;
  std::string failed_;  // what is wrong with the statement that is being read
  std::size_t last_end_ = 0;
  std::uint32_t last_line_ = 0;
  bool hidden_ = false;  // a comment stands for something that nft could not print

 private:
  Token fetch();

  Lexer lexer_;
  std::deque<Token> ahead_;
  bool reading_ = true, line_begins_ = true;
};

}  // namespace demarc::nft
