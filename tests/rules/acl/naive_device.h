// The judge: one packet through lists, entry by entry, as a person would follow it, with every undecided entry
// tried both ways. Slow, without sets, written from the description of Action and Fallthrough alone.
#pragma once

#include <functional>
#include <vector>

#include "rules/acl/device.h"
#include "tests/rules/space/naive.h"

namespace demarc::naive {

enum class Fate : std::uint8_t { permit, deny, on };

inline bool has_bits(const std::optional<AddressBits>& bits, const Address& address) {
  if (!bits) return true;
  if (bits->family != address.family()) return false;
  const Uint128 width = address.is_ipv4() ? Uint128{0xFFFFFFFF} : ~Uint128{0};
  return (address.number() & bits->mask & width) == (bits->value & bits->mask & width);
}

inline bool matches_any(const std::vector<Match>& list, const ConcretePacket& p) {
  for (const Match& m : list)
    if (matches(m.box, p) && has_bits(m.source_bits, p.packet.source) &&
        has_bits(m.destination_bits, p.packet.destination))
      return true;
  return false;
}

/// Which way the undecided turn out: one answer after the other is asked for; `more` says whether there are ways
/// left.
class Turns {
 public:
  unsigned choose(unsigned options) {
    if (next_ == path_.size()) path_.push_back({0, options});
    return path_[next_++].first;
  }
  bool more() {
    next_ = 0;
    while (!path_.empty() && path_.back().first + 1 == path_.back().second) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().first;
    return true;
  }

 private:
  std::vector<std::pair<unsigned, unsigned>> path_;
  std::size_t next_ = 0;
};

inline Fate walk(const Device& device, ListIndex index, const ConcretePacket& p, Turns& ways) {
  for (const Entry& e : device.lists[index].entries) {
    if (e.inactive) continue;
    const bool certain = matches_any(e.match, p);
    if (!certain && !matches_any(e.maybe, p)) continue;
    if (!certain && ways.choose(2) == 0) continue;
    const auto call = [&] {
      const Fate fate = walk(device, e.target, p, ways);
      if (fate != Fate::on) return fate;
      switch (device.lists[e.target].at_end) {
        case Fallthrough::permit: return Fate::permit;
        case Fallthrough::deny: return Fate::deny;
        case Fallthrough::give_back: break;
      }
      return Fate::on;
    };
    switch (e.action) {
      case Action::permit: return Fate::permit;
      case Action::deny: return Fate::deny;
      case Action::give_back: return Fate::on;
      case Action::go_to: return call();
      case Action::count: break;
      case Action::jump:
        if (const Fate fate = call(); fate != Fate::on) return fate;
        break;
      case Action::unknown: {
        const unsigned which = ways.choose(4);
        if (which == 0) return Fate::permit;
        if (which == 1) return Fate::deny;
        if (which == 2) return Fate::on;
        break;
      }
    }
  }
  return Fate::on;
}

struct Fates {
  bool permit = false, deny = false, on = false;
};
inline Fates fates(const Device& device, ListIndex index, const ConcretePacket& p) {
  Fates all;
  Turns ways;
  do {
    switch (walk(device, index, p, ways)) {
      case Fate::permit: all.permit = true; break;
      case Fate::deny: all.deny = true; break;
      case Fate::on: all.on = true; break;
    }
  } while (ways.more());
  return all;
}

}  // namespace demarc::naive
