// Devices from a seed: lists with calls, undecided and unknown entries, wildcards with holes.
#pragma once

#include <vector>

#include "tests/rules/acl/naive_device.h"

namespace demarc::naive {

inline Entry entry(Action action, std::vector<Match> match, std::vector<Match> maybe = {}) {
  Entry e;
  e.line = 1;
  e.action = action;
  e.match = std::move(match);
  e.maybe = std::move(maybe);
  return e;
}

// Lists call only lists behind them, as no filter loads a circle.
inline Device random_device(Dice& dice) {
  Device d;
  d.lists.resize(1 + dice.below(4));
  const auto match = [&dice] {
    Match m{.box = dice.box()};
    if (dice.one_in(6))
      m.source_bits = AddressBits{Family::ipv4, 0xC0000200U + dice.below(256), 0xFFFFFF00U | dice.below(256)};
    if (dice.one_in(6)) m.destination_bits = AddressBits{Family::ipv4, 0xC0000200U, 0xFFFFFF01U};
    return m;
  };
  for (std::size_t i = 0; i < d.lists.size(); ++i) {
    List& list = d.lists[i];
    list.at_end = i == 0 ? Fallthrough::deny : static_cast<Fallthrough>(dice.one_in(4) ? dice.below(3) : 2U);
    for (unsigned n = dice.below(6); n > 0; --n) {
      Action action =
          dice.one_in(2) ? (dice.one_in(2) ? Action::permit : Action::deny) : static_cast<Action>(dice.below(7));
      if ((action == Action::jump || action == Action::go_to) && i + 1 == d.lists.size()) action = Action::permit;
      Entry e = entry(action, {match()});
      if (action == Action::jump || action == Action::go_to)
        e.target = static_cast<ListIndex>(i + 1 + dice.below(static_cast<unsigned>(d.lists.size() - i - 1)));
      if (dice.one_in(4)) e.maybe.push_back(match());
      if (dice.one_in(8)) e.match.clear(), e.maybe.push_back({});
      e.inactive = dice.one_in(12);
      list.entries.push_back(std::move(e));
    }
  }
  return d;
}

/// A packet that some entry of the list is about, mostly.
inline ConcretePacket packet_near_list(Dice& dice, const List& list) {
  if (list.entries.empty() || dice.one_in(4)) return dice.packet();
  const Entry& about = list.entries[dice.below(static_cast<unsigned>(list.entries.size()))];
  return about.match.empty() ? dice.packet() : dice.packet_near(about.match[0].box);
}

}  // namespace demarc::naive
