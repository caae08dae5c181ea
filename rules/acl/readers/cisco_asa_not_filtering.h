// Lines of an ASA configuration that are not lists, by how they begin: those about something else than filtering,
// and those that may drop what the lists permit in ways that no list says.
#pragma once

#include <string_view>

namespace demarc::asa {

/// First words of lines that are certainly about something else. What is not here and not read is said to be not
/// understood, which costs a line in a report and never a wrong answer.
bool is_not_filtering(std::string_view first_word);

struct FilterPhrase {
  std::string_view phrase;  // how the line begins
  std::string_view why;     // what it does to packets
};
/// None if the line is no such thing.
const FilterPhrase* find_filter_phrase(std::string_view line);

}  // namespace demarc::asa
