#include "rules/text/cursor.h"

#include <doctest/doctest.h>

using namespace demarc;

TEST_CASE("a cursor gives words and remembers where each stood") {
  Cursor in("edge.cfg", "  permit\ttcp  any ", 7);
  CHECK(in.word() == "permit");
  CHECK(in.last().line == 7);
  CHECK(in.last().column == 3);
  CHECK(in.last().length == 6);
  CHECK(in.peek() == "tcp");
  CHECK(in.word() == "tcp");
  CHECK(in.last().column == 10);
  CHECK(in.rest() == "any ");
  CHECK_FALSE(in.at_end());
  CHECK(in.word() == "any");
  CHECK(in.at_end());
  CHECK(in.word().empty());
  CHECK(in.last().column == 19);  // past the end: where a missing word would stand
}
