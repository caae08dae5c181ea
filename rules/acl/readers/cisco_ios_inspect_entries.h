// Entries that inspection makes of its lines. Internal to this folder.
#pragma once

#include <iterator>
#include <string>
#include <utility>

#include "rules/acl/readers/router_draft.h"

namespace demarc {

inline Entry entry_at(const router::RouterDraft& draft, std::uint32_t line, Action action) {
  Entry e;
  e.line = e.line_last = line;
  e.text = LineLedger::bounded(draft.source().line(line));
  e.action = action;
  return e;
}

inline void leave_open(Entry& e, std::string why) {
  e.maybe.insert(e.maybe.end(), std::make_move_iterator(e.match.begin()), std::make_move_iterator(e.match.end()));
  e.match.clear();
  if (e.maybe.empty()) e.maybe.push_back({});
  e.undecided = std::move(why);
}

}  // namespace demarc
