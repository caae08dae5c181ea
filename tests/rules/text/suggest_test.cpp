#include "rules/text/suggest.h"

#include <doctest/doctest.h>

#include <vector>

using namespace demarc;

TEST_CASE("the nearest word is suggested only where the slip is small") {
  const std::vector<std::string_view> words{"smtp", "snmp", "https", "http", "dmz-front"};
  struct Row {
    const char *word, *text;
  };
  for (const Row& row :
       {Row{"smpt", "did you mean 'smtp'?"}, Row{"htps", "did you mean 'https'?"},
        Row{"DMZ-frnot", "did you mean 'dmz-front'?"}, Row{"kerberos", ""}, Row{"", ""}, Row{"x", ""}}) {
    CAPTURE(row.word);
    CHECK(suggest(row.word, words) == row.text);
  }
}

TEST_CASE("edit distance counts swaps as one") {
  CHECK(edit_distance("smpt", "smtp") == 1);
  CHECK(edit_distance("abc", "abc") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance(std::string(1000, 'a'), std::string(1000, 'b')) > 8);  // no quadratic work on hostile words
}
