// Words and signs of an nftables text. Ends of lines count, because they end statements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace demarc::nft {

struct Token {
  enum class Kind : std::uint8_t { end, line_end, word, quoted, sign, comment };
  Kind kind = Kind::end;
  std::string_view text = {};  // of a quoted one without its quotes
  std::size_t begin = 0, end = 0;
  std::uint32_t line = 1;

  bool is(std::string_view sign_or_word) const {
    return (kind == Kind::word || kind == Kind::sign) && text == sign_or_word;
  }
  bool ends_statement() const { return kind == Kind::end || kind == Kind::line_end || is(";") || is("}"); }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  /// Comments come as tokens; `\` before the end of a line hides it.
  Token next();

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace demarc::nft
