#include "rules/policy/yaml_tree.h"

#include <doctest/doctest.h>

#include <string>

namespace demarc {
namespace {

YamlTree read(const std::string& text, Diagnostics& diagnostics, const YamlLimits& limits = {}) {
  return YamlTree::read("t.yaml", text, 0, diagnostics, limits);
}

const YamlNode* value(const YamlTree& tree, std::string_view key) {
  for (const YamlNode* k = tree.root()->first; k != nullptr; k = k->next->next)
    if (k->scalar == key) return k->next;
  return nullptr;
}

TEST_CASE("scalars keep their text, their quoting and their place") {
  struct Row {
    const char *yaml, *scalar;
    YamlNode::Style style;
    std::uint32_t line, column, length;
  };
  for (const Row& row : {
           Row{"a: 010\n", "010", YamlNode::Style::plain, 1, 4, 3},
           Row{"a: \"x y\" # c\n", "x y", YamlNode::Style::quoted, 1, 4, 5},
           Row{"a: 'it''s'\n", "it's", YamlNode::Style::quoted, 1, 4, 7},
           Row{"a: \"tab\\there\"\n", "tab\there", YamlNode::Style::quoted, 1, 4, 11},
           Row{"a: two\n  lines\n", "two lines", YamlNode::Style::plain, 1, 4, 3},
           Row{"a: |\n  block\n", "block\n", YamlNode::Style::block, 1, 4, 1},
           Row{"# comment\r\na: crlf\r\n", "crlf", YamlNode::Style::plain, 2, 4, 4},
           Row{"\xEF\xBB\xBF"
               "a: marked\n",
               "marked", YamlNode::Style::plain, 1, 4, 6},
           Row{"\xC3\xA9: 1\na: \xC3\xA9\n", "\xC3\xA9", YamlNode::Style::plain, 2, 4, 2},
           Row{"a: 2001:db8::1\n", "2001:db8::1", YamlNode::Style::plain, 1, 4, 11},
       }) {
    CAPTURE(row.yaml);
    Diagnostics diagnostics;
    YamlTree tree = read(row.yaml, diagnostics);
    CHECK(render(diagnostics) == "");
    REQUIRE(tree.root() != nullptr);
    const YamlNode* node = value(tree, "a");
    REQUIRE(node != nullptr);
    CHECK(node->scalar == row.scalar);
    CHECK(node->style == row.style);
    Location where = tree.where(*node);
    CHECK(where.line == row.line);
    CHECK(where.column == row.column);
    CHECK(where.length == row.length);
  }
}

TEST_CASE("a tree survives being moved") {
  Diagnostics diagnostics;
  YamlTree first = read("a: [1, {b: c}]\n", diagnostics);
  YamlTree second = std::move(first);
  const YamlNode* list = value(second, "a");
  REQUIRE(list->count == 2);
  CHECK(list->first->scalar == "1");
  CHECK(list->first->next->first->next->scalar == "c");
}

TEST_CASE("limits on bytes, depth and nodes are errors with words") {
  struct Row {
    std::string text;
    YamlLimits limits;
    const char* what;
  };
  YamlLimits small_bytes, shallow, few;
  small_bytes.bytes_max = 10;
  shallow.depth_max = 3;
  few.nodes_max = 5;
  for (const Row& row : {Row{"a: 12345678901\n", small_bytes, "larger than"},
                         Row{"a: [[[1]]]\n", shallow, "nested more than 3 levels deep"},
                         Row{"a: {b: {c: {d: 1}}}\n", shallow, "nested more than 3"},
                         Row{"- - - - 1\n", shallow, "nested more than 3"},
                         Row{"[1, 2, 3, 4, 5, 6]\n", few, "more than 5 values"}}) {
    CAPTURE(row.text);
    Diagnostics diagnostics;
    YamlTree tree = read(row.text, diagnostics, row.limits);
    CHECK(tree.root() == nullptr);
    CHECK(render(diagnostics).find(row.what) != std::string::npos);
  }
  Diagnostics diagnostics;
  CHECK(read("a: [[1]]\n", diagnostics, shallow).root() != nullptr);  // just within
}

TEST_CASE("nesting without end neither overflows the stack nor takes long") {
  for (const char* piece : {"[", "{a: ", "- ", "? ", "{", "a: [", "[{"}) {
    CAPTURE(piece);
    std::string text;
    while (text.size() < 400'000) text += piece;
    Diagnostics diagnostics;
    CHECK(read(text, diagnostics).root() == nullptr);
    CHECK(diagnostics.error_count() == 1);
  }
}

TEST_CASE("what is not text is refused before YAML sees it") {
  struct Row {
    std::string text;
    const char* what;
  };
  for (const Row& row :
       {Row{std::string("a: \0b\n", 6), "NUL byte"}, Row{"a: \xff\xfe\n", "not UTF-8"},
        Row{"\xff\xfe"
            "a",
            "looks like UTF-16"},
        Row{"a: \x1b[31m\n", "control character (0x1B)"}, Row{"a: 1\rb: 2\n", "control character (0x0D)"},
        Row{"a: \xE2\x80\xAE"
            "b\n",
            "direction of the text"},
        Row{"a:\n\t- b\n", "a tab in the indentation"},
        Row{std::string("\x7f"
                        "ELF\x02\x01\x01\0\0",
                        9),
            "control character"}}) {
    CAPTURE(row.what);
    Diagnostics diagnostics;
    CHECK(read(row.text, diagnostics).root() == nullptr);
    CHECK(render(diagnostics).find(row.what) != std::string::npos);
  }
}

TEST_CASE("a tab that indents nothing is no error") {
  Diagnostics diagnostics;
  CHECK(read("a: 1\t# comment\n\t\n\t# comment\nb: 2\n", diagnostics).root() != nullptr);
  CHECK(render(diagnostics) == "");
}

}  // namespace
}  // namespace demarc
