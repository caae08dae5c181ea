#include "rules/acl/packet_walk.h"

#include <algorithm>
#include <numeric>

namespace demarc {

namespace {

bool has_bits(const std::optional<AddressBits>& bits, const Address& address) {
  if (!bits) return true;
  const Uint128 width = address.is_ipv4() ? Uint128{0xFFFFFFFF} : ~Uint128{0};
  return address.family() == bits->family && ((address.number() ^ bits->value) & bits->mask & width) == 0;
}

bool is_all(const PortSet& set) { return set.ranges().size() == 1 && set.ranges()[0] == PortRange::all(); }

bool any_of(const std::vector<Match>& list, const ConcretePacket& packet) {
  return std::any_of(list.begin(), list.end(), [&](const Match& m) { return matches(m, packet); });
}

/// Below this an index costs more than it saves.
constexpr std::size_t kIndexedFrom = 32;

void deny(PacketWalk::Fates& fates, std::uint16_t refusals) {
  fates.deny = true;
  fates.refusals |= refusals;
}

/// What a list may do of which nothing is known.
constexpr PacketWalk::Fates kAnything{true, true, false, true, PacketWalk::Fates::kAnyRefusal};

}  // namespace

bool matches(const Match& match, const ConcretePacket& packet) {
  const Box& box = match.box;
  const Packet& p = packet.packet;
  const PacketContext& c = packet.context;
  if (box.family && *box.family != p.source.family()) return false;
  if (!box.protocols.contains(p.protocol)) return false;
  const bool ports = p.protocol.has_ports();
  if (!is_all(box.ports) && !(ports && box.ports.contains(p.port))) return false;
  if (!is_all(box.source_ports) && !(ports && box.source_ports.contains(p.source_port))) return false;
  if (!is_all(box.icmp.numbers()) &&
      !(p.protocol.is_icmp() && box.icmp.contains(IcmpType{p.icmp.type, p.icmp.code.value_or(0)})))
    return false;
  if (!box.flags.is_all() && !(p.protocol == Protocol::tcp && box.flags.contains(c.flags))) return false;
  return box.states.contains(c.state) && box.fragments.contains(c.fragment) && box.ingress.contains(c.ingress) &&
         box.egress.contains(c.egress) && box.destinations.contains(p.destination) &&
         box.sources.contains(p.source) && has_bits(match.source_bits, p.source) &&
         has_bits(match.destination_bits, p.destination);
}

PacketWalk::PacketWalk(const Device& device)
    : device_(device), indices_(device.lists.size()), called_(device.lists.size()) {}

void PacketWalk::candidates(ListIndex index, const ConcretePacket& packet, std::vector<std::uint32_t>& out) {
  const List& list = device_.lists[index];
  if (list.entries.size() < kIndexedFrom) {
    out.resize(list.entries.size());
    std::iota(out.begin(), out.end(), 0U);
    return;
  }
  if (!indices_[index]) indices_[index] = std::make_unique<EntryIndex>(list);
  const Packet& p = packet.packet;
  indices_[index]->candidates(p.source, p.destination,
                              p.protocol.has_ports() ? std::optional<Port>(p.port) : std::nullopt, out);
}

PacketWalk::Fates PacketWalk::walk(ListIndex index, std::uint32_t first, std::uint32_t last,
                                   const ConcretePacket& packet, const std::vector<bool>& without) {
  ++walks_;
  std::vector<std::uint32_t> all;
  candidates(index, packet, all);
  const auto begin = std::lower_bound(all.begin(), all.end(), first);
  const auto end = std::lower_bound(begin, all.end(), last);
  return entries(index, std::span(begin, end), packet, without);
}

PacketWalk::Fates PacketWalk::through(ListIndex index, const ConcretePacket& packet) {
  Called& called = called_[index];
  if (called.walk == walks_) return called.fates;
  called.walk = walks_;
  called.fates = kAnything;  // lists that call each other in a circle
  std::vector<std::uint32_t> all;
  candidates(index, packet, all);
  Fates fates = entries(index, all, packet, {});
  const Fallthrough at_end = device_.lists[index].at_end;
  const bool out = fates.on || fates.give_back;
  fates.give_back = false;
  fates.on = out && at_end == Fallthrough::give_back;
  fates.permit = fates.permit || (out && at_end == Fallthrough::permit);
  if (out && at_end == Fallthrough::deny) deny(fates, Fates::bit(Refusal::plain));
  return called.fates = fates;
}

PacketWalk::Fates PacketWalk::entries(ListIndex index, std::span<const std::uint32_t> candidates,
                                      const ConcretePacket& packet, const std::vector<bool>& without) {
  const List& list = device_.lists[index];
  Fates fates;
  fates.on = true;
  for (const std::uint32_t i : candidates) {
    const Entry& e = list.entries[i];
    if (e.inactive || e.action == Action::count || (!without.empty() && without[i])) continue;
    const bool certain = any_of(e.match, packet);
    if (!certain && !any_of(e.maybe, packet)) continue;
    bool goes_on = !certain;
    switch (e.action) {
      case Action::permit: fates.permit = true; break;
      case Action::deny: deny(fates, Fates::bit(e.refusal)); break;
      case Action::give_back: fates.give_back = true; break;
      case Action::unknown:
        fates.permit = fates.give_back = goes_on = true;
        deny(fates, Fates::kAnyRefusal);
        break;
      case Action::jump:
      case Action::go_to: {
        const Fates called = e.target < device_.lists.size() ? through(e.target, packet) : kAnything;
        fates.permit = fates.permit || called.permit;
        if (called.deny) deny(fates, called.refusals);
        if (called.on && e.action == Action::jump) goes_on = true;
        if (called.on && e.action == Action::go_to) fates.give_back = true;
        break;
      }
      case Action::count: break;
    }
    if (!goes_on) {
      fates.on = false;
      return fates;
    }
  }
  return fates;
}

}  // namespace demarc
