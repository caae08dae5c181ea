#include "rules/verdict/configured_lines.h"

#include <algorithm>

namespace demarc {

namespace {

/// Lists that call each other deeper than this run in a circle; what happens there is not known.
constexpr unsigned kCallsMax = 64;

Fate fate_of(Action action) {
  if (action == Action::permit) return Fate::permit;
  return action == Action::deny ? Fate::deny : Fate::undetermined;
}

}  // namespace

ListLines::ListLines(const Device& device, Meaning& meaning)
    : device_(device), meaning_(meaning), trees_(device.lists.size()) {}

const PacketSet& ListLines::takes(ListIndex list, std::size_t at, std::uint32_t first, std::uint32_t last) {
  if (trees_[list].empty()) trees_[list].resize(4 * device_.lists[list].entries.size() + 4);
  if (trees_[list][at]) return *trees_[list][at];
  PacketSet all = meaning_.space().empty();
  if (last - first == 1) {
    const Entry& e = device_.lists[list].entries[first];
    if (e.action != Action::count) all = meaning_.match(e).possible;
  } else {
    const std::uint32_t middle = first + (last - first) / 2;
    all = takes(list, 2 * at, first, middle);
    all |= takes(list, 2 * at + 1, middle, last);
  }
  return trees_[list][at].emplace(std::move(all));
}

PacketSet ListLines::distribute(ListIndex list, const PacketSet& arriving, std::vector<Taken>& out) {
  return distribute(list, arriving, out, 0);
}

PacketSet ListLines::behind(ListIndex list, std::uint32_t entry, const PacketSet& arriving,
                            std::vector<Taken>& out) {
  const auto size = static_cast<std::uint32_t>(device_.lists[list].entries.size());
  if (entry + 1 >= size || arriving.is_empty()) return arriving;
  PacketSet left = meaning_.space().empty();
  const PacketSet on = go(list, 1, 0, size, arriving, left, out, 0, entry + 1);
  return on | left;
}

PacketSet ListLines::distribute(ListIndex list, const PacketSet& arriving, std::vector<Taken>& out,
                                unsigned depth) {
  const auto size = static_cast<std::uint32_t>(device_.lists[list].entries.size());
  if (size == 0 || arriving.is_empty()) return arriving;
  PacketSet left = meaning_.space().empty();  // leaves the list before its end, undecided
  const PacketSet on = go(list, 1, 0, size, arriving, left, out, depth);
  return on | left;
}

/// What of `arriving` goes on behind the half. Entries before `from` are not asked.
PacketSet ListLines::go(ListIndex list, std::size_t at, std::uint32_t first, std::uint32_t last,
                        const PacketSet& arriving, PacketSet& left, std::vector<Taken>& out, unsigned depth,
                        std::uint32_t from) {
  if (last <= from) return arriving;
  const PacketSet touched = arriving & takes(list, at, first, last);
  if (touched.is_empty()) return arriving;
  if (last - first == 1) return (arriving - touched) | entry(list, first, touched, left, out, depth);
  const std::uint32_t middle = first + (last - first) / 2;
  const PacketSet behind = go(list, 2 * at, first, middle, touched, left, out, depth, from);
  return (arriving - touched) | go(list, 2 * at + 1, middle, last, behind, left, out, depth, from);
}

PacketSet ListLines::entry(ListIndex list, std::uint32_t index, const PacketSet& hit, PacketSet& left,
                           std::vector<Taken>& out, unsigned depth) {
  const Entry& e = device_.lists[list].entries[index];
  const PacketSet certain = meaning_.match(e).certain;
  const bool open = !certain.contains(hit);
  const PacketSet on = e.action == Action::unknown ? hit : hit - certain;
  switch (e.action) {
    case Action::permit:
    case Action::deny:
    case Action::unknown:
      out.push_back({{list, index}, fate_of(e.action), open || e.action == Action::unknown, hit});
      return on;
    case Action::give_back: left |= hit; return on;
    case Action::count: return hit;
    case Action::jump:
    case Action::go_to: break;
  }
  if (e.target >= device_.lists.size() || depth > kCallsMax) {
    out.push_back({{list, index}, Fate::undetermined, true, hit});
    return hit;
  }
  const std::size_t before = out.size();
  PacketSet back = distribute(e.target, hit, out, depth + 1);
  if (device_.lists[e.target].at_end != Fallthrough::give_back) {
    end(e.target, back, out);
    back = meaning_.space().empty();
  }
  if (open)
    for (std::size_t i = before; i < out.size(); ++i) out[i].open = true;
  if (e.action == Action::jump) return on | back;
  left |= back;
  return on;
}

void ListLines::end(ListIndex list, const PacketSet& falling, std::vector<Taken>& out) const {
  const Fallthrough at_end = device_.lists[list].at_end;
  if (falling.is_empty() || at_end == Fallthrough::give_back) return;
  out.push_back({{list, {}}, at_end == Fallthrough::permit ? Fate::permit : Fate::deny, false, falling});
}

}  // namespace demarc
