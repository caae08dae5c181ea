#include "rules/text/diagnostics.h"

#include <doctest/doctest.h>

#include "rules/text/source.h"

using namespace demarc;

TEST_CASE("an error shows its place, its line, a caret and a hint") {
  Source source("edge-fw1.cfg", "!\naccess-list 110 permit tcp any host 192.0.2.25 eq smpt\n");
  Error error{source.at(2 + 51, 4), "'smpt' is neither a port number nor an IOS port name",
              "did you mean 'smtp' (25)?"};
  CHECK(render(error) ==
        "edge-fw1.cfg:2:52: error: 'smpt' is neither a port number nor an IOS port name\n"
        "access-list 110 permit tcp any host 192.0.2.25 eq smpt\n"
        "                                                   ^~~ did you mean 'smtp' (25)?\n");
}

TEST_CASE("an error without a line is one line, and its hint another") {
  CHECK(render(Error{Location{.file = "a.yaml"}, "the file is empty", "start with 'demarc init'"}) ==
        "a.yaml: error: the file is empty\n  start with 'demarc init'\n");
  CHECK(render(Error{{}, "no such thing", ""}, DiagnosticLevel::warning) == "warning: no such thing\n");
}

TEST_CASE("what came from the input cannot write into the terminal") {
  Source source("x\x1b[31m.yaml", "key: \x1b]0;owned\x07 value\n");
  std::string text = render(Error{source.at(5, 3), "bad \x1b[2J", "no \x9b"});
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
  CHECK(text.find('\x9b') == std::string::npos);
  CHECK(text.find("\n     ^~~~") != std::string::npos);  // the caret stands under the escaped text
}

TEST_CASE("diagnostics beyond the bound are counted") {
  Diagnostics diagnostics;
  for (int i = 0; i < 250; ++i) diagnostics.error({}, "again");
  CHECK(diagnostics.error_count() == 250);
  CHECK(diagnostics.suppressed() == 50);
  CHECK(render(diagnostics).ends_with("... and 50 more\n"));
}

TEST_CASE("a source finds lines by offset, with either line end") {
  Source source("a", "one\r\ntwo\n\nlast");
  CHECK(source.line_count() == 4);
  CHECK(source.line(1) == "one");
  CHECK(source.line(4) == "last");
  CHECK(source.line(5).empty());
  CHECK(source.at(5).line == 2);
  CHECK(source.at(10).line == 4);
  CHECK(source.at(12).column == 3);
  CHECK(source.at(999).line == 4);  // past the end is the end
}
