#include "rules/acl/packet_walk.h"

#include <algorithm>

#include "rules/acl/match_fields.h"

namespace demarc {

namespace {

/// One packet, known in every field: each either meets a constraint or does not.
class OnePacket {
 public:
  using Answer = bool;
  static constexpr bool kAll = true;
  explicit OnePacket(const ConcretePacket& packet) : packet_(packet.packet), context_(packet.context) {}

  Protocol protocol() const { return packet_.protocol; }
  Family family() const { return packet_.source.family(); }
  bool ports(const PortSet& set) const { return set.contains(packet_.port); }
  bool source_ports(const PortSet& set) const { return set.contains(packet_.source_port); }
  bool icmp(const IcmpSet& set) const {
    return set.contains(IcmpType{packet_.icmp.type, packet_.icmp.code.value_or(0)});
  }
  bool flags(const ByteSet& set) const { return set.contains(context_.flags); }
  bool states(const StateSet& set) const { return set.contains(context_.state); }
  bool fragments(const FragmentSet& set) const { return set.contains(context_.fragment); }
  bool ingress(const ByteSet& set) const { return set.contains(context_.ingress); }
  bool egress(const ByteSet& set) const { return set.contains(context_.egress); }
  bool sources(const AddressSet& set) const { return set.contains(packet_.source); }
  bool destinations(const AddressSet& set) const { return set.contains(packet_.destination); }
  bool source_bits(const AddressBits& bits) const { return has_bits(bits, packet_.source); }
  bool destination_bits(const AddressBits& bits) const { return has_bits(bits, packet_.destination); }

 private:
  const Packet& packet_;
  const PacketContext& context_;
};

bool any_of(const std::vector<Match>& list, const ConcretePacket& packet) {
  return std::any_of(list.begin(), list.end(), [&](const Match& m) { return matches(m, packet); });
}

void deny(PacketWalk::Fates& fates, std::uint16_t refusals) {
  fates.deny = true;
  fates.refusals |= refusals;
}

/// What a list may do of which nothing is known.
constexpr PacketWalk::Fates kAnything{true, true, false, true, PacketWalk::Fates::kAnyRefusal};

}  // namespace

bool matches(const Match& match, const ConcretePacket& packet) { return compare(match, OnePacket(packet)); }

PacketWalk::PacketWalk(const Device& device) : device_(device), indices_(device, 0), called_(device.lists.size()) {}

void PacketWalk::candidates(ListIndex index, const ConcretePacket& packet, std::vector<std::uint32_t>& out) {
  const Packet& p = packet.packet;
  indices_.candidates(index, p.source, p.destination,
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

PacketWalk::Fates PacketWalk::walk(ListIndex index, std::span<const std::uint32_t> entries,
                                   const ConcretePacket& packet, const std::vector<bool>& without) {
  ++walks_;
  return this->entries(index, entries, packet, without);
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
