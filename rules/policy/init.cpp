// The first rule set. What it writes is read by people before it is read by demarc, so every section says what it
// is for, and a draft from evidence says what it does not know: an open port proves that something answers, never
// that it should.
#include "rules/policy/init.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/net/address_set.h"
#include "rules/policy/yaml_words.h"

namespace demarc {

namespace {

constexpr std::size_t kHostsMax = 10'000;  // a draft that nobody could read helps nobody
constexpr std::size_t kServicesMax = 50'000;

std::string head(const InitOptions& options, bool draft) {
  std::string out =
      "# Approved ports, written by `demarc init`. A rule approves: what no rule approves is not approved.\n"
      "# `from` opens the conversation, `to` answers; replies belong to the rule. docs/rule-set.md explains every "
      "key.\n"
      "# Ports are decimal numbers or \"low-high\"; dates are ISO 8601; IPv6 addresses need quotes; no anchors, "
      "aliases or tags.\n";
  if (draft) {
    out +=
        "#\n# A DRAFT from evidence. It says what answered, not what should. Before it means anything:\n"
        "#   1. give the zones their real networks and names,\n"
        "#   2. go through the rules: give each an owner, a reason and a ticket, or delete it,\n"
        "#   3. have them approved (`approved`) and remove `status: proposed`,\n"
        "#   4. fill in `scope` with what you are authorised to scan.\n";
    for (const std::string& file : options.evidence) out += fmt::format("# Evidence: {}\n", yaml_comment(file));
  }
  out += "\ndemarc: 1                       # schema version\n";
  std::string name = yaml_name(options.name);
  out += fmt::format("name: {}\n", name.empty() ? "my-dmz" : name);
  out +=
      "timezone: UTC                   # or Europe/Berlin: days and windows are in this zone\n"
      "\n# How often rules are reviewed, and whose approval each of them needs.\n"
      "review:\n"
      "  interval: 12 months\n"
      "  warn_before: 45 days\n"
      "  approval_roles: [network, systems, security]\n"
      "  approver_is_not_owner: true\n";
  return out;
}

constexpr std::string_view kForbiddenComment =
    "\n# What must never be open, whatever a rule says: findings of their own severity.\n";

std::string worked_example(const InitOptions& options) {
  Date review = add_months(options.today, 12);
  std::string today = to_string(options.today), due = to_string(review);
  std::string out = head(options, false);
  out += R"(
# Who may approve for which committee. An approver must not belong to the team that owns the rule.
people:
  n.weaver: { roles: [network], teams: [network-engineering] }
  s.miller: { roles: [systems], teams: [systems-engineering] }
  p.guard:  { roles: [security], teams: [security] }

# Parts of the network between which filters stand. The longest prefix wins. These are documentation addresses: put in yours.
zones:
  internet:   { any: true }                 # every global unicast address that no other zone names
  dmz:        { cidrs: [192.0.2.0/26, "2001:db8:d::/64"], description: servers that the internet reaches }
  internal:   { cidrs: [10.30.0.0/24], description: databases and file servers }
  management: { cidrs: [10.40.0.0/26], description: where administrators work }

# Machines that rules name. A machine with several network cards: nics: { front: [192.0.2.10], back: [10.20.0.10] }, named web1.front.
hosts:
  edge:  { addresses: [192.0.2.1], role: edge router }
  web1:  { addresses: [192.0.2.10, "2001:db8:d::10"], role: web server }
  mail1: { addresses: [192.0.2.25], role: mail relay }
  db1:   { addresses: [10.30.0.21], role: database }

# Names for several of these.
groups:
  servers: [web1, mail1]

# Ports of the side that answers. `speaks` is what a probe must find there.
services:
  https:    { tcp: [443], speaks: tls }
  smtp:     { tcp: [25], speaks: smtp }
  dns:      { tcp: [53], udp: [53] }
  ssh:      { tcp: [22], speaks: ssh }
  sql:      { tcp: [5432], speaks: postgresql }
  ping:     { icmp: [echo-request], icmpv6: [echo-request] }
  windows:  { tcp: [135, 139, 445], udp: ["137-138"] }
  remote:   { tcp: [22, 23, 3389], udp: [161] }

# The only addresses that demarc ever sends a packet to, when, and how fast. Get this authorised before you scan.
scope:
  targets: [dmz]
  max_rate: 1000 packets/s
  # windows: ["Sat 22:00-Sun 04:00"]         # none given: any time
)";
  out += fmt::format("  authorised_by: {{ by: p.guard, date: {}, ticket: CHG-1, valid_until: {} }}\n", today, due);
  out += R"(
# Where scans stand. What is open from one place says nothing about another.
vantages:
  outside: { zone: internet, address: 203.0.113.77, canaries: ["web1:443"] }   # a canary is known to answer: its silence is loss
  admin:   { zone: management, address: 10.40.0.9 }

# Where captures come from. Without a sensor that sees both directions, "not used" cannot be said.
sensors:
  tap: { sees: [[internet, dmz], [dmz, internal]], both_directions: true }

# What a complete verdict needs, and what `demarc scan` asks when it is told nothing else.
coverage:
  tcp: all
  udp: approved+forbidden+catalogue
  icmp: approved+forbidden
  vantages: [outside, admin]
  max_age: 7 days

# Which devices stand between two zones, in order; [a, b] are alternatives.
# enforcement:
#   devices:
#     edge: { dialect: cisco-ios, config: configs/edge.cfg }
#   paths:
#     - { between: [internet, dmz], via: [edge] }

# What is approved. `status: proposed` keeps a rule from being in force until it has been approved.
rules:
)";
  struct Row {
    const char *id, *service, *from, *to, *owner, *reason;
  };
  for (const Row& row :
       {Row{"WEB-001", "https", "internet", "web1", "web-team", "Public web site"},
        Row{"MAIL-001", "smtp", "internet", "mail1", "messaging", "Incoming mail"},
        Row{"MAIL-002", "smtp", "mail1", "internet", "messaging", "Outgoing mail, through one relay"},
        Row{"DNS-001", "dns", "mail1", "internet", "messaging", "The relay resolves names itself"},
        Row{"DB-001", "sql", "web1", "db1", "web-team", "Orders; this port only"},
        Row{"ADM-001", "ssh", "management", "servers", "operations", "Administration"},
        Row{"MON-001", "ping", "management", "servers", "operations", "Reachability checks"}}) {
    out += fmt::format(
        "  - id: {}\n    service: {}\n    from: {}\n    to: {}\n    owner: {}\n    reason: {}\n    ticket: CHG-1\n",
        row.id, row.service, row.from, row.to, row.owner, row.reason);
    out += fmt::format(
        "    approved: {{ network: {{ by: n.weaver, date: {0} }}, systems: {{ by: s.miller, date: {0} }}, "
        "security: {{ by: p.guard, date: {0} }} }}\n",
        today);
    out += fmt::format("    review_by: {}\n\n", due);
  }
  out.pop_back();
  out += kForbiddenComment;
  out += R"(forbidden:
  - { id: F-WIN, services: [windows], from: [internet], to: [dmz], severity: critical, remedy: Unbind the service from the outer card and deny the ports at the edge }
  - { id: F-ADM, services: [remote], from: [internet], to: [dmz], severity: critical, remedy: Administer from the management zone only }
  - { id: F-OUT, services: [windows], from: [dmz], to: [internet], severity: high, remedy: Deny outbound at the edge; a server that opens these ports has often been taken over }

# exceptions: narrow a forbidden entry, and always expire.
# retired: ids of rules that are gone; they are never used again.
# accepted: known findings that do not fail a verdict; they always expire and are always listed.
)";
  return out;
}

struct DraftHost {
  std::string name;
  std::string role;
};

bool is_usable(const Address& address) {
  AddressClass address_class = classify(address);
  return address_class == AddressClass::unicast || address_class == AddressClass::private_use ||
         address_class == AddressClass::loopback;
}

std::string draft(const std::vector<ObservedService>& services, const InitOptions& options) {
  // What answered, without repetition: host -> protocol, port -> who asked.
  struct Key {
    Address host;
    Protocol protocol;
    Port port;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, std::pair<std::string, std::set<Address>>> answered;
  std::map<Address, DraftHost> hosts;
  std::size_t left_out = 0;
  for (const ObservedService& service : services) {
    bool known = service.protocol == Protocol::tcp || service.protocol == Protocol::udp;
    bool room = hosts.contains(service.host) || hosts.size() < kHostsMax;
    if (!known || service.port.number() == 0 || !is_usable(service.host) || !room ||
        answered.size() >= kServicesMax) {
      ++left_out;
      continue;
    }
    DraftHost& host = hosts[service.host];
    if (host.name.empty()) host.name = yaml_name(service.host_name);
    auto& [name, askers] = answered[{service.host, service.protocol, service.port}];
    if (name.empty()) name = yaml_name(service.service_name);
    if (service.asked_by && is_usable(*service.asked_by) && askers.size() < 16) askers.insert(*service.asked_by);
  }
  std::set<std::string> taken = {"internet"};
  std::map<Prefix, std::string> zones;
  auto fresh = [&](std::string name) {
    std::string tried = name;
    for (int i = 2; !taken.insert(tried).second; ++i) tried = fmt::format("{}-{}", name, i);
    return tried;
  };
  auto zone_of = [&](const Address& address) {
    Prefix network = guessed_network(address);
    auto [at, is_new] = zones.emplace(network, std::string());
    if (is_new) at->second = fresh(fmt::format("net-{}", zones.size()));
    return at->second;
  };
  for (auto& [address, host] : hosts) {
    zone_of(address);
    if (host.name.empty()) host.name = "host-" + yaml_name(to_string(address));
    host.name = fresh(host.name);
  }
  // A service is a port; machines that answer on the same port share it.
  std::map<std::pair<Protocol, Port>, std::string> names;
  for (const auto& [key, what] : answered) {
    auto [at, is_new] = names.emplace(std::pair(key.protocol, key.port), std::string());
    if (at->second.empty() && !what.first.empty()) at->second = what.first;
    (void)is_new;
  }
  std::set<std::string> service_names;
  for (auto& [key, name] : names) {
    std::string plain = fmt::format("{}-{}", to_string(key.first), key.second.number());
    if (name.empty() || !service_names.insert(name).second) name = plain;
    service_names.insert(name);
  }

  std::string out = head(options, true);
  if (left_out != 0)
    out += fmt::format(
        "\n# {} observations were left out: other protocols, addresses that no host has, or too many.\n", left_out);
  std::string body;
  std::size_t number = 0;
  for (const auto& [key, what] : answered) {
    // Who asked is a hint, not an approval: an asker in a known network names that zone, others the internet.
    std::set<std::string> from;
    for (const Address& asker : what.second) {
      if (zones.contains(guessed_network(asker)))
        from.insert(zones[guessed_network(asker)]);
      else
        from.insert(classify(asker) == AddressClass::unicast ? std::string("internet") : zone_of(asker));
    }
    if (from.empty()) from.insert("internet");
    std::string list;
    for (const std::string& name : from) list += (list.empty() ? "" : ", ") + name;
    body += fmt::format(
        "  - id: DRAFT-{:04}\n    status: proposed\n    service: {}\n    from: [{}]\n    to: {}\n    owner: "
        "unknown\n    reason: Seen answering; why is not known\n\n",
        ++number, names[std::pair(key.protocol, key.port)], list, hosts[key.host].name);
  }
  out +=
      "\n# Guessed: /24 and /64 networks around what was seen. Give them their real prefixes and names.\nzones:\n  "
      "internet: { any: true }\n";
  for (const auto& [prefix, name] : zones)
    out += fmt::format("  {}: {{ cidrs: [{}] }}\n", name, yaml_prefix(prefix));
  out +=
      "\n# Each address is a host here. Put the addresses of one machine together: nics: { front: [...], back: "
      "[...] }.\nhosts:\n";
  for (const auto& [address, host] : hosts)
    out += fmt::format("  {}: {{ addresses: [{}] }}\n", host.name, yaml_address(address));
  out +=
      "\n# Named as the evidence named them; a name says nothing about what really speaks there: add "
      "`speaks`.\nservices:\n";
  for (const auto& [key, name] : names)
    out += fmt::format("  {}: {{ {}: [{}] }}\n", name, to_string(key.first), key.second.number());
  out +=
      "\n# Nothing may be scanned until somebody writes down what, and who authorised it.\n"
      "scope:\n  targets: []\n"
      "\n# Where scans stand: outside: { zone: internet, address: 203.0.113.77 }\nvantages: {}\n"
      "\n# What a complete verdict needs.\ncoverage:\n  tcp: all\n  udp: approved+forbidden+catalogue\n  icmp: "
      "approved+forbidden\n  max_age: 7 days\n"
      "\n# Proposals: they approve nothing until they have been approved.\nrules:\n";
  out += body.empty() ? "  []\n" : body;
  if (body.empty()) out += '\n';
  out += kForbiddenComment.substr(1);
  out += "forbidden: []\n";
  return out;
}

}  // namespace

std::string initial_rule_set(const std::vector<ObservedService>& services, const InitOptions& options) {
  return services.empty() ? worked_example(options) : draft(services, options);
}

}  // namespace demarc
