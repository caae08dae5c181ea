#include "rules/acl/readers/json_tree.h"

#include <doctest/doctest.h>

#include "tests/rules/acl/readers/ask.h"

namespace demarc {
namespace {

TEST_CASE("values know where they stand") {
  const Source source(
      "a.json",
      "{\"groups\": [\n  {\"name\": \"w\\u0065b\\n\", \"port\": 443, \"open\": true,\n   \"more\": null},\n"
      "  {\"name\": \"\\ud83d\\ude00\", \"port\": \"25\"}\n]}\n[-1.5e3]\n");
  const JsonTree tree = JsonTree::parse(source).value();
  REQUIRE(tree.roots().size() == 2);
  const JsonValue groups = tree.roots()[0]["groups"];
  CHECK(groups.size() == 2);
  std::vector<JsonValue> all;
  for (const JsonValue g : groups) all.push_back(g);
  CHECK(all[0]["name"].text() == "web\n");
  CHECK(all[0]["port"].integer() == 443);
  CHECK(all[0]["open"].boolean() == true);
  CHECK(all[0]["more"].is_null());
  CHECK(!all[0]["none"]["at"]["all"]);
  CHECK(all[0].line() == 2);
  CHECK(all[0].line_last() == 3);
  CHECK(all[1].line() == 4);
  CHECK(all[1]["name"].text() == "\xF0\x9F\x98\x80");
  CHECK(all[1]["port"].integer() == 25);
  CHECK(all[1]["name"].key() == "name");
  CHECK(all[1].written() == "{\"name\": \"\\ud83d\\ude00\", \"port\": \"25\"}");
  CHECK(all[1].any_of({"gone", "port"}).text() == "25");
}

TEST_CASE("what is no JSON is refused at its place") {
  struct Row {
    const char* text;
    const char* error;
  };
  for (const Row& row : {
           Row{"", "1: no JSON value stands here"},
           Row{"{\"a\": 1,}", "1: a comma stands before the end"},
           Row{"[1 2]", "1: neither ',' nor ']' stands behind the element"},
           Row{"{\"a\" 1}", "1: ':' is missing behind the key"},
           Row{"{a: 1}", "1: a key in quotes is missing"},
           Row{"[\n01]", "2: a number begins with 0"},
           Row{"[1.]", "1: no digit stands behind the point"},
           Row{"[\"a\tb\"]", "1: a control character stands in a string"},
           Row{"[\"\\x\"]", "1: this escape does not exist in JSON"},
           Row{"[\"\\u12\"]", "1: four hexadecimal digits stand behind \\u"},
           Row{"[\"a", "1: the string does not end"},
           Row{"[1,\n", "2: the text ends where a value is due"},
           Row{"{\"a\": [", "1: the text ends where a value is due"},
           Row{"[nul]", "1: no JSON value stands here"},
           Row{"]", "1: no JSON value stands here"},
       }) {
    CAPTURE(std::string(row.text));
    const Source source("a.json", row.text);
    const Result<JsonTree> tree = JsonTree::parse(source);
    REQUIRE(!tree);
    CHECK(fmt::format("{}: {}", tree.error().where.line, tree.error().what) == std::string(row.error));
  }
}

TEST_CASE("depth is bounded, empty values are values, keys written twice are said") {
  const Source deep("a.json", std::string(200, '['));
  CHECK(JsonTree::parse(deep).error().what == "arrays and objects lie more than 100 deep");
  const Source good("a.json", std::string(100, '[') + std::string(100, ']'));
  CHECK(JsonTree::parse(good).has_value());
  const Source empty("a.json", "{\"a\": {}, \"b\": [], \"c\": [[], {}]}");
  const JsonTree tree = JsonTree::parse(empty).value();
  CHECK(tree.roots()[0]["c"].size() == 2);
  CHECK(tree.roots()[0]["b"].is_array());
  const Source twice("a.json", "{\"x\": {\"a\": 1,\n \"\\u0061\": 2}, \"y\": {}}");
  const JsonTree both = JsonTree::parse(twice).value();
  REQUIRE(both.diagnostics().all().size() == 1);
  CHECK(both.diagnostics().all()[0].error.what == "the key 'a' is written twice in one object");
  CHECK(both.diagnostics().all()[0].error.where.line == 2);
  CHECK(both.roots()[0]["x"]["a"].integer() == 2);
  CHECK(both.roots()[0]["x"].has_duplicate_keys());
  CHECK(both.roots()[0].has_duplicate_keys());
  CHECK(!both.roots()[0]["y"].has_duplicate_keys());
}

}  // namespace
}  // namespace demarc
