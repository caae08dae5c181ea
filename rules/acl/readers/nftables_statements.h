// Statements of nftables' rules: tests, verdicts, counters, translations, and what decides nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/nftables_expressions.h"

namespace demarc::nft {

class StatementReader : protected ExpressionReader {
 protected:
  using ExpressionReader::ExpressionReader;

  Statement statement(Rule& r);
  void counter(Statement& s);
  void log();
  /// "rate over 5/second burst 10 packets", "over 25 mbytes used 3 mbytes", "name "x"".
  void rate();
  /// All that is left but a comment.
  std::vector<Token> tail();
  void nat(Statement& s);
  static bool is_flag(std::string_view word);
  /// "192.0.2.9", "192.0.2.9:8080", "[2001:db8::9]:80", ":8080".
  static void to(std::string_view text, Statement& s);
  /// "add @s { ip saddr limit rate 5/second }", "set update ip saddr @s", "meter m { ... }".
  void fill_set(Statement& s);
  void match(Statement& s);
  /// What a field is set to decides nothing.
  void set_value();

  /// 0 where it is none.
  static std::uint64_t number(std::string_view text);

  std::map<std::string, std::uint64_t> counters_;  // packets of named ones
};

}  // namespace demarc::nft
