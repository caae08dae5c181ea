// The CONFIGURED view: what one filtering device's configuration says, whatever dialect it is written in.
//
// Every dialect comes down to four things, and a reader's whole work is to say them truthfully:
//  - entries: what a line matches, for certain and possibly (a time range, a match we do not know), and what it
//  does;
//  - lists of entries, first match wins, that may call each other (iptables' user chains, nftables' verdict maps);
//  - stages: which lists a packet has to pass, where (on which interfaces, to whom), and what decides at their end;
//  - what the configuration says about itself beside that: interfaces, address translation, unused objects, lines
//    that nobody could read.
// meaning.h turns it into packet sets; nothing behind it asks which dialect it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/prefix.h"
#include "rules/space/box.h"
#include "rules/text/diagnostics.h"

namespace demarc {

/// The languages that are read, each by a reader of its own; named as in the rule set's `dialect:`.
enum class Dialect : std::uint8_t {
  cisco_ios,
  cisco_xr,
  cisco_nxos,
  cisco_asa,
  arista_eos,
  junos,
  iptables,  // iptables-save and ip6tables-save, with ipset save
  nftables,  // nft list ruleset, nft -j
  aws,       // security groups and network ACLs, JSON
  azure,     // network security groups, JSON
  gcp,       // firewall rules, JSON
};
std::string_view name(Dialect dialect);  // "cisco-ios"
std::optional<Dialect> parse_dialect(std::string_view text);

/// What became of a line of the configuration.
enum class Understanding : std::uint8_t {
  understood,
  in_part,         // read, but something in it cannot be decided from the file: what it matches is a range
  not_filtering,   // it is about something else (routing, users, logging)
  not_understood,  // it may be about filtering and we do not know what it says
};

/// Addresses whose bits under `mask` are those of `value`: Cisco's wildcard masks, which may have holes.
struct AddressBits {
  Family family = Family::ipv4;
  Uint128 value = 0, mask = 0;  // a bit set in `mask` counts
  bool operator==(const AddressBits&) const = default;
};

/// One way to match: all constraints of the box, and the holes that a box cannot say.
struct Match {
  Box box = {};
  std::optional<AddressBits> source_bits = {}, destination_bits = {};
  bool operator==(const Match&) const = default;
};

/// Index of a list in Device::lists.
using ListIndex = std::uint32_t;
inline constexpr ListIndex kNoList = 0xFFFFFFFF;

/// What happens to a packet that an entry matches.
enum class Action : std::uint8_t {
  permit,     // accepted: this stage is passed
  deny,       // dropped, rejected, reset: the packet is gone
  jump,       // the target list decides; where it does not, the next entry goes on
  go_to,      // the target list decides; where it does not, the list's caller goes on
  give_back,  // RETURN: the caller goes on
  count,      // nothing is decided (LOG, a mark, a counter): the next entry goes on
  unknown,    // what it does is not known: it may permit, deny or go on
};
std::string_view name(Action action);  // "permit", "deny", "jump", ...

/// What the sender of a denied packet hears, where entries of one dialect differ in it. ICMP errors are named by
/// what they say: the codes of ICMP and ICMPv6 for it differ.
enum class Refusal : std::uint8_t {
  plain,    // as the dialect's denials and the ends of its lists are: silence in most, an ICMP error on routers
  silence,  // where the plain denial answers (IOS-XR's `icmp-off`)
  reset,
  reset_or_unreachable,  // a reset over TCP, port unreachable otherwise (Junos's security policies)
  network_unreachable,   // ICMPv6: no route
  host_unreachable,
  protocol_unreachable,
  port_unreachable,
  network_prohibited,
  host_prohibited,
  prohibited,
  policy_failed,
  route_rejected,
  held,   // answered and kept open (TARPIT)
  other,  // a rarer message
};
/// Whether both sound alike to the sender, as far as it is known.
constexpr bool same_answer(Refusal a, Refusal b) { return a == b && a != Refusal::other; }

/// One line (or several that belong together) of a list.
struct Entry {
  std::uint32_t line = 0;       // of the configuration, from 1; 0: implied by the dialect, written nowhere
  std::uint32_t line_last = 0;  // == line unless it is written on several
  std::string text = {};        // as written, without line ends; bounded
  std::string remark = {};      // what the author said about it just before
  Action action = Action::deny;
  ListIndex target = kNoList;        // of jump and go_to
  Refusal refusal = Refusal::plain;  // of deny

  /// The union of `match` is what it matches for certain; `maybe` is what it may match beside that, because the
  /// file does not decide it ("time-range NIGHT", "-m recent") or because we could not read it.
  std::vector<Match> match = {}, maybe = {};
  std::string undecided = {};  // why there is a `maybe`, in words
  bool inactive = false;       // written, and switched off (`inactive`, `disable`): it matches nothing
  std::optional<std::uint64_t> packets = {};  // its counter, where the configuration or a hit count shows one
  std::uint32_t source_list =
      kNoList;  // where an entry was put together from another list's (ASA global): that list
};

/// What a list decides where no entry does.
enum class Fallthrough : std::uint8_t { permit, deny, give_back };

/// An ordered list of entries. First match wins.
struct List {
  std::string name = {};  // "OUTSIDE-IN", "110", "filter/FORWARD", "inet fw forward"
  std::uint32_t line = 0;
  std::optional<Family> family = {};  // none: both
  std::vector<Entry> entries = {};
  Fallthrough at_end = Fallthrough::deny;
  std::uint32_t at_end_line = 0;  // of the policy, where it is written; 0: implied
  bool defined = true;            // false: bound or called, and written nowhere
  std::string other_use = {};     // what else names it ("crypto map VPN", "route-map R"), beside filtering
};

/// The ways that lead through a device.
enum class Way : std::uint8_t {
  through,      // forwarded
  to_device,    // to one of its own addresses
  from_device,  // made by itself
};
std::string_view name(Way way);  // "forward", "local-in", "local-out"
using Ways = FourSet<Way>;

/// A check on the way: the lists in order, first match wins over all of them, then the last one's end. A packet
/// goes through only if every stage of its way lets it through; where a list accepts, only this stage is passed.
struct Stage {
  std::string name = {};  // for people: "OUTSIDE-IN in on Gi0/0", "filter FORWARD"
  Ways ways = {Way::through};
  std::optional<Family> family = {};                   // it sees packets of this family only
  std::vector<ListIndex> lists = {};                   // in order; each but the last gives way at its end
  std::vector<InterfaceId> ingress = {}, egress = {};  // it sees packets that enter or leave here alone; empty: all
  std::int32_t priority = 0;                           // smaller first
  std::uint32_t line = 0;                              // of the binding
  /// Whether it sees the hosts' real addresses or those that the device translates to or from. A list inward on
  /// IOS's outside sees what stands on the wire (real_destination false), outward there what was translated
  /// already (real_source false); iptables' FORWARD and ASA (since 8.3) see real ones.
  bool real_source = true, real_destination = true;
};

/// An interface as the filter names it.
struct Interface {
  std::string name = {};                   // "GigabitEthernet0/0", "eth1"
  std::string nameif = {};                 // ASA's and XR's second name; security groups: the attachment
  std::vector<Prefix> networks = {};       // of its addresses
  std::vector<Address> addresses = {};     // its own
  std::optional<int> security_level = {};  // ASA
  std::string zone = {};                   // the rule set's, where the binding was told; otherwise empty
  std::uint32_t line = 0;
  bool shut = false;
};

/// An address translation that the configuration states; which stages see its result, they say themselves.
struct Nat {
  enum class Kind : std::uint8_t { source, destination } kind = Kind::source;
  Match match = {};                // before the translation
  std::optional<Address> to = {};  // none: the address of the interface it leaves by, or a pool
  /// Static translation of a network: this one takes its place, and each host keeps its bits behind the prefix.
  std::optional<Prefix> to_network = {};
  std::optional<PortRange> to_ports = {};
  std::uint32_t line = 0;
  std::string text = {};
};

/// A named part that lines refer to: an object, an object-group, a set, a prefix list.
struct NamedObject {
  std::string name = {}, kind = {};  // kind: "object-group network", "set", ...
  std::uint32_t line = 0;
  std::uint32_t uses = 0;
  bool defined = true;
};

/// What became of one line: only those that are not plainly understood are kept one by one.
struct LineReport {
  std::uint32_t line = 0;
  Understanding understanding = Understanding::not_understood;
  std::string text = {}, why = {};
};

/// How much of a configuration was understood, by lines.
struct LineCoverage {
  std::uint64_t understood = 0, in_part = 0, not_filtering = 0, not_understood = 0;
};

/// One device as its configuration has it.
struct Device {
  std::string name = {};  // its hostname, or the file's name
  std::string file = {};
  Dialect dialect = Dialect::cisco_ios;
  /// Replies to what was permitted pass by themselves, whatever the lists say (ASA, security groups). Where lists
  /// match on connection state (iptables, nftables) they say so themselves and this is false.
  bool replies_implied = false;
  /// What is implied with them: replies to ICMP queries, and ICMP errors that quote a permitted conversation. ASA's
  /// lists decide on both like on any packet, unless `inspect icmp` and `inspect icmp error` follow them.
  bool icmp_replies_implied = true, icmp_errors_implied = true;
  std::vector<Interface> interfaces = {};  // index: InterfaceId
  std::vector<List> lists = {};
  std::vector<Stage> stages = {};  // in order of priority
  std::vector<Nat> nats = {};
  std::vector<NamedObject> objects = {};
  LineCoverage coverage = {};
  std::vector<LineReport>
      lines;  // those not understood, or in part; bounded by kLineReportsMax, the rest is counted
  Diagnostics diagnostics = {};  // located, for people

  static constexpr std::size_t kLineReportsMax = 10'000;

  /// The list of that name, or kNoList.
  ListIndex find_list(std::string_view wanted) const;
  std::optional<InterfaceId> find_interface(std::string_view wanted) const;
};

/// Interfaces that a set can tell apart; a device with more cannot be decided by interface.
inline constexpr std::size_t kInterfacesMax = 255;

}  // namespace demarc
