// The DOCUMENTED view: the rule set as values, every name resolved, every part with its place in the YAML text.
// yaml_reader.h makes it, lint.h complains about it, approval.h says what it approves and when.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules/net/address_set.h"
#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/net/time.h"
#include "rules/net/time_zone.h"
#include "rules/text/result.h"

namespace demarc {

enum class Severity : std::uint8_t { none, info, low, medium, high, critical };
std::string_view name(Severity severity);
std::optional<Severity> parse_severity(std::string_view text);

// --- Places: zones, hosts, groups
// ---------------------------------------------------------------------------------

struct Zone {
  std::string name;
  bool any = false;  // every global unicast address that no other zone names
  std::vector<Prefix> cidrs;
  std::string description;
  bool intra_allowed = false;  // traffic inside one subnet of it is not judged (`intra: allowed`)
  AddressSet addresses;        // resolved: longest prefix wins, so another zone's longer prefixes are taken out
  Location where;
};

/// How carefully a host is asked.
enum class Care : std::uint8_t { normal, gentle, discovery_only, never };
std::string_view name(Care care);

struct Nic {
  std::string name;  // without the host's: "front"
  std::vector<Address> addresses;
};

struct Host {
  std::string name;
  std::vector<Address> addresses;  // given directly; with nics, those are in `nics`
  std::vector<Nic> nics;
  std::string role, fqdn;
  Care care = Care::normal;
  Location where;
  /// Those of the host and of all its cards.
  std::vector<Address> all_addresses() const;
};

/// The members of a `from`, `to`, group or scope, as written and as addresses.
struct EndpointSet {
  std::vector<std::string> names;  // as written: zones, hosts, host.nic, groups, prefixes, "vantage:x"
  AddressSet addresses;
  Location where;
};

struct Group {
  std::string name;
  EndpointSet members;
};

/// This real address is seen by other zones as another one.
struct Translation {
  std::string real_name;  // host or host.nic
  std::vector<Address> real;
  Address seen_as;
  EndpointSet from;                          // who sees it so
  std::vector<std::pair<Port, Port>> ports;  // seen -> real; empty: all ports, unchanged
  Location where;
};
struct SourceTranslation {
  EndpointSet real;
  Address seen_as;
  EndpointSet to;
  Location where;
};
struct Vip {
  Address address;
  EndpointSet members;
  std::vector<std::string> services;
  Location where;
};

// --- Services
// -----------------------------------------------------------------------------------------------------

/// The side that answers: protocols, ports, ICMP types.
struct Service {
  std::string name;
  bool all = false;  // every protocol and port
  PortSet tcp, udp, sctp;
  std::optional<PortSet> source_ports;  // only where a protocol fixes them
  std::vector<IcmpType> icmp, icmpv6;
  std::vector<Protocol> ip;          // other protocols, whole
  std::string speaks;                // an application protocol's name, or empty
  bool one_way = false;              // `replies: none`: datagrams alone are use
  PortSet related_tcp, related_udp;  // data ports that belong to a control session
  Location where;
};

// --- People, approvals, dates
// -------------------------------------------------------------------------------------

struct Person {
  std::string name;
  std::vector<std::string> roles, teams;
  Location where;
};

struct Approval {
  std::string role;  // network, systems, security, ...
  std::string by;
  Date date;
  Location where;
};

struct ReviewEntry {
  std::string by;
  Date date;
  std::string decision;  // keep | narrow | retire
};

struct ReviewPolicy {
  Period interval{.months = 12};
  Period warn_before{.days = 45};
  std::vector<std::string> approval_roles;
  bool approver_is_not_owner = false;
};

// --- Rules
// --------------------------------------------------------------------------------------------------------

enum class Use : std::uint8_t { unspecified, required, optional, rare };
enum class Expectation : std::uint8_t { open, blocked };
/// Which views may satisfy a rule (semantics.md section 2); default any one.
enum class VerifyBy : std::uint8_t { any, probe, witness, configuration, flows };

struct Rule {
  std::string id;
  std::vector<std::uint32_t> services;  // into RuleSet::services
  EndpointSet from, to;
  std::string application, owner, reason, ticket;
  std::vector<std::string> references, tags;
  bool proposed = false;  // `status: proposed`: not in force
  std::vector<Approval> approved;
  std::optional<Date> review_by, expires, temporary_until;
  std::vector<ReviewEntry> reviewed;
  std::map<std::string, Expectation> expect;  // by vantage point
  Use use = Use::unspecified;
  std::optional<Period> use_window;
  VerifyBy verify_by = VerifyBy::any;
  bool temporary = false;
  Location where;
};

struct ForbiddenEntry {
  std::string id;
  std::vector<std::uint32_t> services;
  EndpointSet from, to;
  Severity severity = Severity::critical;
  std::vector<std::string> except_rules;
  std::string remedy, reason;
  Location where;
};

/// Lifts a forbidden entry and approves, within its own bounds.
struct Exception {
  Rule rule;       // id, service, from, to, owner, reason, ticket, approved, expires
  std::string of;  // the forbidden entry
};

struct RetiredId {
  std::string id, reason, ticket;
  Date removed;
  Location where;
};

/// A known finding that does not fail a verdict.
struct AcceptedFinding {
  std::string kind, rule, target,
      id;  // what is empty is not constrained; `target` is a host, nic, address or prefix
  AddressSet target_addresses;
  std::string reason, compensating;
  std::vector<Approval> approved;
  Date expires;
  Location where;
};

// --- What is measured, from where, how fast
// -----------------------------------------------------------------------

/// A weekly or a single span of local time.
struct Window {
  bool weekly = false;
  int day_from = 0, day_to = 0;         // weekly: 0 = Sunday
  std::chrono::minutes from{0}, to{0};  // weekly: time of day
  LocalTime begin, end;                 // single: [begin, end)
  std::string text, ticket, reason;
  Location where;
};

struct ScopePolicy {
  bool given = false;
  EndpointSet targets, exclude;
  std::vector<std::string> vantage_targets;  // "vantage:external": the addresses of vantage points, for witnesses
  std::uint32_t rate_max = 1000;             // packets/s over all vantage points
  std::uint32_t rate_max_per_target = 200;
  std::uint32_t states_max_per_path = 2000;
  std::vector<Window> windows;  // none: any time
  std::vector<Window> blackouts;
  std::string authorised_by, authorised_ticket;
  std::optional<Date> authorised_on, valid_until;
  Location where;
};

struct CanaryTarget {
  std::string name;  // as written: "proxy1.front:443"
  Address address;
  Port port;
};

struct Vantage {
  std::string name, zone;
  Address address;
  bool behind_nat = false;
  std::vector<CanaryTarget> canaries;
  struct Ssh {
    std::string host, identity, jump;  // "user@host", a key file, "user@jump,user@next"
    std::string known_hosts;           // a file beside the system's own
    std::uint16_t port = 22;
  };
  std::optional<Ssh> ssh;
  Location where;
};

struct Sensor {
  std::string name;
  std::vector<std::pair<std::string, std::string>> sees;  // zone pairs
  bool both_directions = false;
  std::uint32_t sampling = 1;
  bool beyond_filter = false;  // it stands outside the DMZ's filter: what it sees has passed
  Location where;
};

/// What of one protocol must be asked.
struct PortCoverage {
  bool all = false, approved = false, forbidden = false, catalogue = false, none = false;
  PortSet ports;  // given as ports
};

struct Coverage {
  bool given = false;
  PortCoverage tcp, udp, icmp;
  std::vector<std::string> vantages;
  std::optional<Period> age_max;
  Location where;
};

struct Filter {
  std::string name, interface_name, direction;
};
struct DeclaredInterface {
  std::string name;
  std::vector<std::string> zones;
  Location where;
};
/// A filtering device as the rule set declares it; what its configuration says is rules/acl's `Device`.
struct DeclaredDevice {
  std::string name, dialect, config;
  std::vector<Filter> filters;
  /// Which zones lie behind an interface, and no others, where its addresses do not tell.
  std::vector<DeclaredInterface> interfaces;
  std::optional<bool> stateful;
  Location where;
};
struct Path {
  std::string from, to;
  bool none = false;                          // isolated by design
  std::vector<std::vector<std::string>> via;  // hops; each hop one device or alternatives
  Location where;
};

struct RuleSetIndex;  // rule_set.cpp: names and addresses, made at the first look-up

struct RuleSet {
  std::string name;
  std::string file;
  std::string sha256;  // of all files together, in reading order
  TimeZone time_zone;
  ReviewPolicy review;
  std::vector<Zone> zones;
  std::vector<Host> hosts;
  std::vector<Group> groups;
  std::vector<Translation> translations;
  std::vector<SourceTranslation> source_translations;
  std::vector<Vip> vips;
  std::vector<Service> services;
  ScopePolicy scope;
  std::vector<Vantage> vantages;
  std::vector<Sensor> sensors;
  Coverage coverage;
  std::vector<DeclaredDevice> devices;
  std::vector<Path> paths;
  std::vector<Person> people;
  std::vector<Rule> rules;
  std::vector<ForbiddenEntry> forbidden;
  std::vector<Exception> exceptions;
  std::vector<RetiredId> retired;
  std::vector<AcceptedFinding> accepted;

  const Zone* zone(std::string_view name) const;
  const Host* host(std::string_view name) const;
  const Vantage* vantage(std::string_view name) const;
  const Sensor* sensor(std::string_view name) const;
  const Service* service(std::string_view name) const;
  const Rule* rule(std::string_view id) const;  // exceptions' rules too
  const Person* person(std::string_view name) const;
  /// The zone an address belongs to: the longest prefix that holds it, else the `any` zone if it is global unicast;
  /// otherwise none.
  const Zone* zone_of(const Address& address) const;
  /// "web1.front", "sql1", "vantage:external", or empty: what the rule set calls the address. Hosts come before
  /// vantage points.
  std::string name_of(const Address& address) const;
  /// The host that has the address, on itself or on a card.
  const Host* host_of(const Address& address) const;
  /// The filtering device (`enforcement.devices`) that has the address: the host of that name does.
  const DeclaredDevice* device_of(const Address& address) const;

  /// To call after names or addresses were changed in place; adding and removing is noticed.
  void reindex() const { index.reset(); }
  mutable std::shared_ptr<const RuleSetIndex>
      index;  // of positions, so a copy may share it; not for several threads at once
};

}  // namespace demarc
