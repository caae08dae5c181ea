// Edits in the device's own words, and a configuration with them applied, which its reader can read back.
//
// Routers number their entries, so an edit is commands ("no 30", "30 permit ..."); Junos names its terms, so it is
// commands as well. Elsewhere an edit is the lines that go and the lines that take their place. Every line that the configuration had keeps its words.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "rules/text/source.h"
#include "rules/verdict/suggest.h"

namespace demarc {

/// One edit: lines that go, lines that come.
struct EditText {
  std::vector<std::string> out = {}, in = {};
};

struct SuggestedText {
  std::string head = {};             // a command that stands before all of them: "ip access-list extended 110"
  std::vector<EditText> edits = {};  // one for each of ListSuggestion::edits
  std::string patched = {};          // the configuration with them
  std::string problem = {};          // why they cannot be written; then the rest is empty
};

/// The edits of one list. `source` is the configuration's text.
SuggestedText edits_in_words(const Device& device, const Source& source, const ListSuggestion& suggestion);

/// The configuration with the edits of a list, and of those that are asked with it, read back and judged.
struct PatchedBack {
  std::string text = {};
  Suggester::Judgement judgement = {};
};
/// `all`: the suggestions for the device, this one among them. Fails where the edits cannot be written.
Result<PatchedBack> patch_and_judge(Suggester& suggester, const Device& device, const Source& source,
                                    std::span<const ListSuggestion> all, const ListSuggestion& suggestion);
/// Reads what was written for a list from nothing, each text by itself, and judges it.
Result<Suggester::Judgement> judge_written(Suggester& suggester, const Wish& wish, Dialect dialect, Way way,
                                           const Written& written);

}  // namespace demarc
