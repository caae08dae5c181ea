// Which filters a packet between two zones has to pass.
//
// `enforcement.paths` names devices; this makes of each the stages that are asked: through the device, or to or
// from its own addresses, and by which interfaces. Addresses are the hosts' real ones.
//
//   internet --- [edge-rtr] --- [fw-a | fw-b] --- dmz-front --- web1 (its own iptables)
//                  hop 0           hop 1                          hop 2, only for web1's addresses
//
// Traffic to edge-rtr's own address ends at hop 0 (way local-in), traffic from it begins there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/verdict/binding.h"

namespace demarc {

/// How the interfaces of a side are known.
enum class Leads : std::uint8_t {
  declared,   // the rule set says so
  attached,   // the zone's network, or part of it, is on the interface
  neighbour,  // it shares a network with the device before or behind
  remaining,  // one of those that lead nowhere else
};

/// Packets with these addresses on this side use one of these interfaces; which one, is not known.
struct Side {
  AddressSet addresses = {};
  ByteSet interfaces = ByteSet::all();
  Leads by = Leads::remaining;
};

/// What a device does with packets from `sources` to `destinations`.
struct Crossing {
  Way way = Way::through;
  AddressSet sources = {}, destinations = {};
  /// The addresses of the sides are disjoint and together `sources` and `destinations`. to_device has no egress,
  /// from_device no ingress.
  std::vector<Side> ingress = {}, egress = {};
};

/// One of the devices that may stand at a hop.
struct Alternative {
  std::uint32_t device = 0;              // into Binding::devices; without a configuration it is not measured
  std::vector<Crossing> crossings = {};  // disjoint; what is in none of them does not meet this device
};

struct Hop {
  std::vector<Alternative> alternatives = {};
  bool local = false;  // a device that the path does not name, at its own addresses: a host's firewall
};

struct ZonePath {
  enum class State : std::uint8_t {
    declared,    // the hops are those of enforcement.paths
    isolated,    // `via: none`: nothing passes by design
    inside,      // inside a zone: only the filters of the addressed devices themselves
    undeclared,  // nobody said: not measured
  };
  State state = State::undeclared;
  std::uint32_t from = 0, to = 0;  // into RuleSet::zones
  const Path* declared = nullptr;
  std::vector<Hop> hops = {};

  /// There is something to judge: packets of the pair that are in some hop's crossings.
  bool is_judged() const { return !hops.empty(); }
};

/// The way from one zone to the other (never the reverse).
ZonePath path_between(const Binding& binding, std::uint32_t from, std::uint32_t to);
/// Every pair for which something is declared, or own addresses are met; in the order of the zones.
std::vector<ZonePath> all_paths(const Binding& binding);

/// One packet at one device.
struct PacketCrossing {
  std::uint32_t hop = 0, device = 0;
  Way way = Way::through;
  ByteSet ingress = ByteSet::all(), egress = ByteSet::all();  // one of these
};
/// The devices that a packet between these addresses meets, hop by hop; several of one hop are alternatives.
std::vector<PacketCrossing> crossings_of(const ZonePath& path, const Address& source, const Address& destination);

/// "internet to dmz-front by edge-rtr, then fw-a or fw-b"
std::string describe(const Binding& binding, const ZonePath& path);

}  // namespace demarc
