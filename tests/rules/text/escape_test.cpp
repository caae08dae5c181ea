#include "rules/text/escape.h"

#include <doctest/doctest.h>

#include <string>

using namespace demarc;

TEST_CASE("a terminal never gets a control character, a direction override or a broken byte") {
  struct Row {
    std::string in, out;
  };
  for (const Row& row :
       {Row{"plain ü 日本", "plain ü 日本"}, Row{"\x1b[31mred", "\\x1b[31mred"}, Row{"a\nb\tc", "a\\x0ab\\x09c"},
        Row{"\xc2\x9b"
            "31m",
            "\\xc2\\x9b31m"},  // C1 CSI as UTF-8
        Row{"\xe2\x80\xae"
            "evil",
            "\\xe2\\x80\\xaeevil"},                                    // U+202E
        Row{"\xff\xfe", "\\xff\\xfe"}, Row{"\xc0\xaf", "\\xc0\\xaf"},  // overlong
        Row{"\xed\xa0\x80", "\\xed\\xa0\\x80"},                        // a surrogate
        Row{"\xe2\x82", "\\xe2\\x82"}, Row{std::string(1, '\0'), "\\x00"}}) {
    CAPTURE(row.out);
    CHECK(terminal_safe(row.in) == row.out);
  }
}

TEST_CASE("a shell gets one word, and what it would run is told from what it takes as it stands") {
  CHECK(shell_word("sg-1a2b_c.d/e:f,g@h%i+j=k") == "sg-1a2b_c.d/e:f,g@h%i+j=k");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("two words") == "'two words'");
  CHECK(shell_word("$(reboot)`x`;&|<>*?~#!\"\\\n") == "'$(reboot)`x`;&|<>*?~#!\"\\\n'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(is_plain_in_shell("-A FORWARD ! -s 192.0.2.0/24 -m comment --comment \"the shop\" -j ACCEPT"));
  for (const char* bad :
       {"$x", "`x`", "a\\b", "a;b", "a&b", "a|b", "a<b", "a>b", "$(b)", "(b)", "it's", "a!b", "a!", "a\nb"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_plain_in_shell(bad));
  }
}

TEST_CASE("every byte and pair of bytes is safe for every output") {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      std::string text{static_cast<char>(a), static_cast<char>(b)};
      for (char c : terminal_safe(text)) REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
      REQUIRE(html_escaped(text).find_first_of("<>\"'") == std::string::npos);
      std::string json = json_quoted(text);
      for (std::size_t i = 1; i + 1 < json.size(); ++i) REQUIRE(static_cast<unsigned char>(json[i]) >= 0x20);
      REQUIRE(bytes_unescaped(bytes_escaped(text)) == text);
      std::string field = csv_field(text);
      REQUIRE(std::string("=+-@").find(field[0]) == std::string::npos);
    }
  }
}

TEST_CASE("JSON strings") {
  CHECK(json_quoted("a\"b\\c\n\x01") == "\"a\\\"b\\\\c\\n\\u0001\"");
  CHECK(json_quoted("\xff") == "\"\xEF\xBF\xBD\"");
  CHECK(json_quoted("\xe2\x80\xa8") == "\"\\u2028\"");
}

TEST_CASE("CSV fields quote, and disarm formulas") {
  CHECK(csv_field("plain") == "plain");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"hi\"") == "\"say \"\"hi\"\"\"");
  CHECK(csv_field("=cmd|' /C calc'!A0") == "'=cmd|' /C calc'!A0");
  CHECK(csv_field("-1") == "'-1");
}

TEST_CASE("Markdown cells hold no markup") {
  CHECK(markdown_escaped("a|b\n`c` <d> [e](f)") == "a\\|b \\`c\\` &lt;d&gt; \\[e\\](f)");
}
