#include "rules/acl/writers/writer.h"

#include <algorithm>

namespace demarc {

namespace {

constexpr DialectWriter kWriters[] = {
    // dialect, names states, replies implied
    {Dialect::cisco_ios, false, false, write_cisco_ios, write_cisco_ios_entry},
    {Dialect::cisco_asa, false, true, write_cisco_asa, write_cisco_asa_entry},
    {Dialect::nftables, true, false, write_nftables, write_nftables_entry},
    {Dialect::iptables, true, false, write_iptables, write_iptables_entry},
    {Dialect::junos, false, false, write_junos, write_junos_entry},
};

}  // namespace

std::span<const DialectWriter> dialect_writers() { return kWriters; }

const DialectWriter* find_writer(Dialect dialect) {
  const auto found = std::find_if(std::begin(kWriters), std::end(kWriters),
                                  [dialect](const DialectWriter& w) { return w.dialect == dialect; });
  return found == std::end(kWriters) ? nullptr : &*found;
}

List as_list(const IntendedList& intended) {
  List list;
  list.name = intended.name;
  list.family = intended.family;
  list.at_end = intended.at_end;
  for (const IntendedEntry& i : intended.entries) {
    Entry e;
    e.text = i.comment;
    e.action = i.action;
    e.match = i.match;
    if (intended.family)
      std::erase_if(e.match, [&](const Match& m) { return m.box.family && m.box.family != intended.family; });
    for (Match& m : e.match)
      if (intended.family) m.box.family = intended.family;
    list.entries.push_back(std::move(e));
  }
  return list;
}

}  // namespace demarc
