// Sets of packets, exactly. What the rule set approves, what a configuration permits, what a scan must ask are each
// a PacketSet, and every comparison of two views is an operation on two of them.
//
// A set is two decision diagrams, one for IPv4 and one for IPv6, kept canonical: equal sets are the same nodes, so
// equality and emptiness cost nothing. README.md explains the order of the fields and what may be slow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rules/net/address_set.h"
#include "rules/net/flow.h"
#include "rules/space/box.h"
#include "rules/space/count.h"
#include "rules/space/diagram.h"
#include "rules/space/layout.h"

namespace demarc {

class PacketSpace;

/// What a Packet (rules/net/flow.h) leaves open. Default: the first packet of a conversation, whole, on interface
/// 0.
struct PacketContext {
  std::uint8_t flags = tcp_flag::syn;
  ConnectionState state = ConnectionState::fresh;
  Fragment fragment = Fragment::whole;
  InterfaceId ingress = 0, egress = 0;
  bool operator==(const PacketContext&) const = default;
};

/// A packet with a value for every field.
struct ConcretePacket {
  Packet packet = {};
  PacketContext context = {};
  bool operator==(const ConcretePacket&) const = default;
};

/// What a slice of a set fixes beside addresses and protocol; what is absent may have any value ("some packet
/// passes").
struct SliceContext {
  std::optional<Port> source_port = {};
  std::optional<std::uint8_t> flags = {};
  std::optional<ConnectionState> state = {};
  std::optional<Fragment> fragment = {};
  std::optional<InterfaceId> ingress = {}, egress = {};
  bool operator==(const SliceContext&) const = default;

  /// Whole packets that open a conversation (SYN alone, state fresh), from any source port, over any interfaces.
  static SliceContext opening() {
    return {.flags = tcp_flag::syn, .state = ConnectionState::fresh, .fragment = Fragment::whole};
  }
};

/// Readable, disjoint boxes. Where they had to be cut short, `left_out` packets of the set are in none of them.
struct Cover {
  std::vector<Box> boxes = {};
  Count left_out = {};
  bool complete() const { return left_out.is_zero(); }
};

/// Which fields come first in the diagrams. Lists with few ports and many hosts want ports_first, lists of
/// unrelated address ranges addresses_first; the difference can be a factor of a thousand.
enum class VariableOrder : std::uint8_t { ports_first, addresses_first };
/// Builds a few hundred of the boxes both ways and keeps the cheaper.
VariableOrder choose_order(std::span<const Box> boxes);

/// The fields of a packet.
enum class Field : std::uint8_t {
  ingress,
  egress,
  state,
  fragment,
  protocol,
  flags,
  port_or_icmp,
  source_port,
  destination,
  source
};

/// A set of packets: a value, cheap to copy, that lives as long as its space. All operands belong to one space
/// (otherwise std::logic_error). Operations that make new sets may throw SpaceExhausted.
class PacketSet {
 public:
  PacketSet() = default;  // belongs to no space: may only be assigned to and destroyed

  bool is_empty() const { return ipv4_ == Diagram::kFalse && ipv6_ == Diagram::kFalse; }
  bool is_all() const { return ipv4_ == Diagram::kTrue && ipv6_ == Diagram::kTrue; }
  bool operator==(const PacketSet&) const = default;

  PacketSet unite(const PacketSet& other) const;
  PacketSet intersect(const PacketSet& other) const;
  PacketSet minus(const PacketSet& other) const;
  PacketSet complement() const;
  friend PacketSet operator|(const PacketSet& a, const PacketSet& b) { return a.unite(b); }
  friend PacketSet operator&(const PacketSet& a, const PacketSet& b) { return a.intersect(b); }
  friend PacketSet operator-(const PacketSet& a, const PacketSet& b) { return a.minus(b); }
  friend PacketSet operator~(const PacketSet& a) { return a.complement(); }
  PacketSet& operator|=(const PacketSet& other) { return *this = unite(other); }
  PacketSet& operator&=(const PacketSet& other) { return *this = intersect(other); }
  PacketSet& operator-=(const PacketSet& other) { return *this = minus(other); }

  bool contains(const PacketSet& other) const;
  /// Makes no nodes and stops at the first common packet.
  bool overlaps(const PacketSet& other) const;
  /// An ICMP packet without code is asked for code 0.
  bool contains(const Packet& packet, const PacketContext& context = {}) const;
  bool contains(const ConcretePacket& p) const { return contains(p.packet, p.context); }

  /// Exact. Two packets differ if a field that both have differs: the ports of an ESP packet count once, interfaces
  /// count.
  Count count() const;
  /// One packet of it, the same each time: addresses, ports and flags that somebody would really send, where the
  /// set has such a packet.
  std::optional<ConcretePacket> sample() const;
  /// At most `boxes_max` disjoint boxes. Bounded work, however many paths the diagram has.
  Cover cover(std::size_t boxes_max = 32) const;

  /// Destination ports (for ICMP: type << 8 | code) for which some packet between these two is in the set. Walks
  /// the diagram: microseconds to milliseconds. For many questions to one set use PortSlices.
  PortSet ports_between(const Address& source, const Address& destination, Protocol protocol,
                        const SliceContext& fixed = {}) const;
  /// The addresses that some packet of the set has. SpaceExhausted beyond a million ranges.
  AddressSet sources() const;
  AddressSet destinations() const;
  /// The packets that equal one of the set in all fields but these. Forgetting the protocol forgets ports and flags
  /// too.
  PacketSet forget(std::span<const Field> fields) const;
  PacketSet forget(std::initializer_list<Field> fields) const {
    return forget(std::span(fields.begin(), fields.size()));
  }

  /// The packets that equal one of the set but for the bits of the address that the prefix fixes; where they are of
  /// the other family, for all its bits.
  PacketSet forget_network(Field address, const Prefix& prefix) const;

  /// Its packets that have the context's values; what is absent stays free. Flags bind TCP, the source port what
  /// has ports.
  PacketSet fix(const SliceContext& context) const;

  PacketSpace* space() const { return space_; }
  /// Nodes of the diagrams: how complicated the set is.
  std::size_t node_count() const;

 private:
  friend class PacketSpace;
  friend class PortSlices;
  PacketSet(PacketSpace* space, Diagram::Edge ipv4, Diagram::Edge ipv6) : space_(space), ipv4_(ipv4), ipv6_(ipv6) {}
  Diagram::Edge root(Family family) const { return family == Family::ipv4 ? ipv4_ : ipv6_; }

  PacketSpace* space_ = nullptr;
  Diagram::Edge ipv4_ = Diagram::kFalse, ipv6_ = Diagram::kFalse;
};

/// One entry of an ordered list.
struct ListEntry {
  PacketSet match;
  bool permit = false;
};
/// What an ordered list decides: first match wins. `matched` is permitted plus denied; the rest is for the list's
/// default.
struct ListDecision {
  PacketSet permitted, matched;
};

/// The manager of the diagrams: one for each comparison, used by one thread. Nothing is freed before the space is.
class PacketSpace {
 public:
  explicit PacketSpace(VariableOrder order = VariableOrder::ports_first, SpaceLimits limits = {});
  PacketSpace(const PacketSpace&) = delete;
  PacketSpace& operator=(const PacketSpace&) = delete;

  VariableOrder order() const { return order_; }
  std::size_t node_count() const { return diagram_.node_count(); }

  PacketSet empty() { return {this, Diagram::kFalse, Diagram::kFalse}; }
  PacketSet all() { return {this, Diagram::kTrue, Diagram::kTrue}; }
  PacketSet of(const Box& box);
  /// Their union.
  PacketSet of(std::span<const Box> boxes);
  /// Packets of one family whose source or destination has the bits of `mask` as in `value`: Cisco wildcards
  /// (inverted), holes allowed. For IPv4 the low 32 bits count.
  enum class End : std::uint8_t { source, destination };
  PacketSet address_bits(End end, Family family, Uint128 value, Uint128 mask);

  /// Folds by halves, which keeps the operands of every step small.
  PacketSet unite_all(std::span<const PacketSet> sets);
  /// First match wins, folded by halves: P = Pa | (Pb - Ma), M = Ma | Mb.
  ListDecision first_match(std::span<const ListEntry> entries);

  /// The same packets in this space, whatever the order of the other one.
  PacketSet copy_of(const PacketSet& other);

 private:
  friend class PacketSet;
  friend class PortSlices;
  friend VariableOrder choose_order(std::span<const Box> boxes);
  using Edge = Diagram::Edge;
  using Level = Diagram::Level;
  static constexpr std::size_t kFields = 10;

  /// Where a field lies. IPv4 addresses are the last 32 levels of the 128.
  FieldSpan span(Field field, Family family) const;
  std::vector<bool> levels_of(std::span<const Field> fields) const;
  BitKey key(const ConcretePacket& packet) const;
  Edge build(Family family, const Box& box);
  AddressSet project(const PacketSet& set, Field field);
  std::vector<Box> cover(Edge root, Family family, std::size_t boxes_max) const;
  ConcretePacket sample(Edge root, Family family) const;

  VariableOrder order_;
  std::array<Field, kFields> sequence_;     // from the top down
  std::array<FieldSpan, kFields> spans_{};  // by field
  Diagram diagram_;
};

}  // namespace demarc
