// Expressions of nftables: fields on the left of a test, values on its right, and the elements of sets.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "rules/acl/readers/nftables_syntax.h"
#include "rules/acl/readers/nftables_tokens.h"

namespace demarc::nft {

class ExpressionReader : protected TokenReader {
 protected:
  using TokenReader::TokenReader;

  Expr fields();
  Expr field();
  /// What stands on the right: a value with what is joined to it. Commas make a list outside of braces.
  Expr values(unsigned depth, bool commas);
  Expr listed(Expr first, std::string_view sign, unsigned depth, bool in_set);
  Expr primary(unsigned depth, bool in_set);
  static Token part(Token t, std::size_t begin, std::size_t end);
  static Expr range(std::string_view first, std::string_view last);
  static bool is_numeric(std::string_view text);
  /// An IPv6 address, prefix or range of them, or a MAC address: their colons separate nothing.
  static bool is_address_like(std::string_view word);
  static std::size_t size_of(const Expr& e);
  Expr defined(const Token& t);
  Expr set_literal(unsigned depth);
  Expr element(unsigned depth);
  Expr verdict();

  std::map<std::string, Expr> definitions_;

 private:
  std::size_t expanded_ = 0;
};

/// A verdict's word.
inline constexpr std::string_view kVerdicts[] = {"accept", "drop", "continue", "return", "jump", "goto"};

/// The word that begins an expression about a packet ("ip", "tcp", "ct", "iifname").
bool begins_field(std::string_view word);

}  // namespace demarc::nft
