// The smallest rule set that explains the evidence, as a draft for people to decide on.
//
// Only use makes a rule: conversations in which both sides took part, and datagrams towards services that do not
// answer. Scans, attempts, backscatter and link control make none and are counted in the draft's head. Whoever uses
// the same services of the same servers stands in one rule. A rule approves what was seen and nothing else, but for
// these generalisations, each of which the rule's comment names:
//   - many clients or servers of the `any` zone (32 or more, of 8 or more /16 or IPv6 /32 networks): the zone;
//   - 32 or more clients of a named zone, if they are half of all its addresses in the evidence: the zone;
//   - a named group, if two or more and at least half of its addresses are clients (as a server: all of them);
//   - among more than 8 single clients (or servers of the `any` zone) a prefix of /24 to /30 (IPv6: /120 to /126),
//     if 4 or more and at least half of its addresses are;
//   - ports above 1023 that nobody has a name for: a range of 8 or more of one server, if at least half were used;
//   - every code of an ICMP type.
// Data connections are approved through the control session that announced them, never by their ports.
// None of them reaches into what a rule or a forbidden entry of the rule set already names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/evidence/snapshot.h"
#include "rules/net/address_set.h"
#include "rules/net/port.h"
#include "rules/policy/rule_set.h"

namespace demarc {

struct LearnOptions {
  std::string name = "learned";  // of the rule set, where none was given
  /// With a rule set: its file as the draft includes it, relative to the draft. Empty: the draft is written to be
  /// pasted into it.
  std::string include;
};

/// The side that answers.
struct LearnedService {
  std::string name;
  bool existing = false;  // of the rule set
  Protocol protocol;
  PortRange ports{};     // ICMP: type << 8 | code, the type alone counts; other protocols without ports: 0
  bool v6 = false;       // ICMPv6
  bool one_way = false;  // `replies: none`
  std::string speaks;    // recognised in the traffic or by a scan, and always the same; or empty
  std::vector<RelatedBy> announces;  // data connections belong to it; sorted
};

/// One side of a rule: names of the rule set or of the draft, and which addresses they are.
struct LearnedPlace {
  std::vector<std::string> names;  // as YAML, sorted: zones, groups, hosts, prefixes
  AddressSet addresses;
};

struct LearnedRule {
  std::string id;
  std::vector<std::uint32_t> services;     // into Learned::services, sorted by name
  std::vector<std::string> service_names;  // as written: the rule set may have one name for several of them
  LearnedPlace from, to;
  bool decide = false;                    // dangerous at a boundary: set apart for a decision
  std::string risk;                       // why: the catalogue's words
  std::vector<std::string> not_in_force;  // rules of the rule set that name it but are not in force
  // What it stands on.
  std::uint64_t conversations = 0, uncertain = 0;  // uncertain: of these, in how many nobody saw who opened
  std::uint64_t bytes_out = 0, bytes_in = 0;
  std::size_t clients = 0, servers = 0;  // addresses that were seen
  Timestamp first, last;
  std::vector<std::string> places;           // "dmz.pcapng frame 17", the earliest few
  std::vector<std::string> generalisations;  // "internet for 214 clients in 90 networks"
};

/// Established, and forbidden by an entry: no rule could approve it.
struct LearnedForbidden {
  std::string entry, service, server;
  std::uint64_t conversations = 0;
  std::size_t clients = 0;
};

/// What made no rule, in conversations.
struct LeftOut {
  std::uint64_t approved = 0;                                       // a rule in force approves it
  std::uint64_t related = 0;                                        // belongs to a control session
  std::uint64_t attempts = 0;                                       // nobody answered
  std::uint64_t scans = 0, floods = 0, backscatter = 0, noise = 0;  // of TrafficNoise
  std::uint64_t link_control = 0;  // multicast, broadcast, link-local, ARP's and DHCP's neighbours
  std::uint64_t intra = 0;         // inside a subnet whose zone is not judged
  std::uint64_t twice = 0;         // seen on both sides of a translation
};

struct Learned {
  std::vector<LearnedService> services;
  std::vector<LearnedRule> rules;  // the ordinary ones first
  std::vector<LearnedForbidden> forbidden;
  LeftOut left_out;
  std::string draft;  // the YAML
};

/// The same evidence in any order gives the same draft. `rules`: zones, hosts, groups and services get its names,
/// and only what no rule in force approves is drafted. Move the evidence in where it is large: its conversations are
/// let go as soon as it is known what they use.
Learned learn(Snapshot snapshot, const RuleSet* rules, const LearnOptions& options);

}  // namespace demarc
