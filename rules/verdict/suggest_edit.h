// What must become of each entry of a list, going down the list once.
//
// On the way, `left` is what no entry of the new list has decided for certain. An entry is right if it lets nothing
// of that through that may not pass, and stops nothing that must. Of the others
//  - a permit that nothing documented needs goes;
//  - a permit that is too wide gives its place to narrower ones, or has denies before it, whichever is shorter;
//  - what else lets too much through (a call, an entry that nobody wrote) has denies before it;
//  - what stops too much has permits before it, or goes if it stops nothing else;
//  - the end of the list has what is missing before it.
#pragma once

#include "rules/verdict/configured_lines.h"
#include "rules/verdict/suggest.h"
#include "rules/verdict/suggest_entries.h"

namespace demarc {

/// What the edits of one list rest on. All of it must outlive the editor.
struct EditGrounds {
  const RuleSet& rules;
  const Documented& documented;
  const Device& device;
  ListIndex list;
  const Wish& wish;
  const WishedEntries& entries;
  const Front& front;
  const DialectWriter& writer;
  Meaning& meaning;
  ListLines& lines;
  ReplyHandling replies;
  std::shared_ptr<const FarEnds> far_ends = {};
  std::vector<bool> fixed = {};  // entries that are not edited; beyond its end: those that are
};

/// Which denies are written in front, so that most lines are right as they are.
enum class FrontOf : std::uint8_t { nothing, strangers, strangers_and_few };

struct ListEdits {
  std::vector<ListEdit> edits = {};  // in the order of the entries
  std::string not_editable = {};     // why there are none that would do
};

/// The shortest of several ways. May throw SpaceExhausted.
ListEdits edits_of(const EditGrounds& grounds);

/// The list with the edits, as intended: words may say less.
List with_edits(const List& list, const std::vector<ListEdit>& edits, ReplyHandling replies);

/// Why a packet may not pass, in words.
std::string why_not(const RuleSet& rules, const Documented& documented, const ConcretePacket& packet);

/// Does what is permitted hold all that must pass, and nothing that may not?
Suggester::Judgement judge_bounds(const Bounds& permitted, const Wish& wish, std::optional<Family> family);

}  // namespace demarc
