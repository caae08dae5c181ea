// A small DMZ as a rule set made in code, for the tests of what is built on rule sets. No YAML, so that a broken
// reader breaks its own tests and not these.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "rules/net/flow.h"
#include "rules/policy/rule_set.h"

namespace demarc::world {

inline Address ip(std::string_view text) { return parse_address(text).value(); }
inline Prefix net(std::string_view text) { return parse_prefix(text).value(); }
inline PortSet ports(std::string_view text) { return parse_port_set(text).value(); }
inline Date day(std::string_view text) { return parse_date(text).value(); }
inline Timestamp when(std::string_view text) { return parse_timestamp(text).value(); }
inline Timestamp noon(const std::string& date) { return when(date + "T12:00:00Z"); }

inline EndpointSet ends(std::vector<std::string> names, std::vector<Prefix> prefixes) {
  EndpointSet out;
  out.names = std::move(names);
  out.addresses = AddressSet::of(prefixes);
  return out;
}
/// From the names of zones, hosts, cards ("web1.front") and prefixes.
inline EndpointSet ends(const RuleSet& rules, std::vector<std::string> names) {
  EndpointSet out;
  std::vector<AddressRange> ranges;
  for (const std::string& name : names) {
    auto host = [&](std::string_view h, std::string_view nic) {
      for (const Host& x : rules.hosts) {
        if (x.name != h) continue;
        if (nic.empty())
          for (const Address& a : x.all_addresses()) ranges.push_back({a, a});
        for (const Nic& n : x.nics)
          if (n.name == nic)
            for (const Address& a : n.addresses) ranges.push_back({a, a});
      }
    };
    for (const Zone& z : rules.zones)
      if (z.name == name) ranges.insert(ranges.end(), z.addresses.ranges().begin(), z.addresses.ranges().end());
    if (auto prefix = parse_prefix(name)) ranges.push_back({prefix->first(), prefix->last()});
    std::size_t dot = name.find('.');
    host(std::string_view(name).substr(0, dot),
         dot == std::string::npos ? std::string_view() : std::string_view(name).substr(dot + 1));
  }
  out.names = std::move(names);
  out.addresses = AddressSet::of_ranges(std::move(ranges));
  return out;
}

inline std::uint32_t service(RuleSet& rules, std::string name, std::string_view tcp = "",
                             std::string_view udp = "") {
  Service s;
  s.name = std::move(name);
  if (!tcp.empty()) s.tcp = ports(tcp);
  if (!udp.empty()) s.udp = ports(udp);
  rules.services.push_back(std::move(s));
  return static_cast<std::uint32_t>(rules.services.size() - 1);
}
inline std::uint32_t number_of(const RuleSet& rules, std::string_view name) {
  for (std::uint32_t s = 0; s < rules.services.size(); ++s)
    if (rules.services[s].name == name) return s;
  return 0xFFFFFFFF;
}

inline std::vector<Approval> approvals(const std::string& date = "2026-02-03") {
  std::vector<Approval> out;
  for (auto [role, by] : {std::pair{"network", "ito"}, {"security", "lind"}}) {
    Approval a;
    a.role = role;
    a.by = by;
    a.date = day(date);
    out.push_back(std::move(a));
  }
  return out;
}

inline Rule rule(const RuleSet& rules, std::string id, std::vector<std::string> services,
                 std::vector<std::string> from, std::vector<std::string> to) {
  Rule out;
  out.id = std::move(id);
  for (const std::string& s : services) out.services.push_back(number_of(rules, s));
  out.from = ends(rules, std::move(from));
  out.to = ends(rules, std::move(to));
  out.owner = "web-team";
  out.approved = approvals();
  return out;
}
inline ForbiddenEntry forbid(const RuleSet& rules, std::string id, std::vector<std::string> services,
                             std::vector<std::string> from, std::vector<std::string> to,
                             std::vector<std::string> except_rules = {}) {
  ForbiddenEntry out;
  out.id = std::move(id);
  for (const std::string& s : services) out.services.push_back(number_of(rules, s));
  out.from = ends(rules, std::move(from));
  out.to = ends(rules, std::move(to));
  out.except_rules = std::move(except_rules);
  return out;
}

inline Packet packet(std::string_view source, std::string_view destination, Protocol protocol, std::uint16_t port) {
  Packet p;
  p.source = ip(source);
  p.destination = ip(destination);
  p.protocol = protocol;
  p.port = Port{port};
  return p;
}
inline Packet tcp(std::string_view source, std::string_view destination, std::uint16_t port) {
  return packet(source, destination, Protocol::tcp, port);
}

/// Zones internet, dmz, back, office, database; web1 with two cards, web2 (both families), mail, db, a firewall;
/// people and services; one vantage point outside, one in the office.
inline RuleSet small_dmz() {
  RuleSet r;
  r.name = "small-dmz";
  r.sha256 = "00";
  r.review.approval_roles = {"network", "security"};
  r.review.approver_is_not_owner = true;
  auto zone = [&](std::string name, std::vector<Prefix> cidrs) {
    Zone z;
    z.name = std::move(name);
    z.any = cidrs.empty();
    z.addresses = AddressSet::of(cidrs);
    z.cidrs = std::move(cidrs);
    r.zones.push_back(std::move(z));
  };
  zone("internet", {});
  zone("dmz", {net("192.0.2.0/28"), net("2001:db8:d::/64")});
  zone("back", {net("10.20.0.0/28")});
  zone("office", {net("10.50.0.0/28")});
  zone("database", {net("10.30.0.0/29")});
  // What `any` is without the zones; the test's universe outside is 198.51.100.0/24, 203.0.113.0/24 and
  // 2001:db8:f::/48.
  r.zones[0].addresses = AddressSet{net("198.51.100.0/24"), net("203.0.113.0/24"), net("2001:db8:f::/48")};
  auto host = [&](std::string name, std::vector<Nic> nics, std::vector<Address> addresses) {
    Host h;
    h.name = std::move(name);
    h.nics = std::move(nics);
    h.addresses = std::move(addresses);
    r.hosts.push_back(std::move(h));
  };
  host("web1", {{"front", {ip("192.0.2.11")}}, {"back", {ip("10.20.0.11")}}}, {});
  host("web2", {{"front", {ip("192.0.2.12"), ip("2001:db8:d::12")}}}, {});
  host("mail", {}, {ip("192.0.2.5")});
  host("db", {}, {ip("10.30.0.3")});
  host("fw", {}, {ip("192.0.2.1"), ip("10.20.0.1")});
  DeclaredDevice fw;
  fw.name = "fw";
  r.devices.push_back(fw);
  service(r, "https", "443");
  service(r, "http", "80");
  service(r, "smtp", "25");
  service(r, "smb", "445,139", "137-138");
  service(r, "mssql", "1433");
  service(r, "wide", "1024-5000");
  service(r, "dns", "53", "53");
  std::uint32_t every = service(r, "every");
  r.services[every].all = true;
  std::uint32_t ping = service(r, "ping");
  r.services[ping].icmp = {{8, std::nullopt}};
  r.services[ping].icmpv6 = {{128, std::nullopt}};
  std::uint32_t esp = service(r, "esp");
  r.services[esp].ip = {Protocol::esp};
  auto person = [&](std::string name, std::string role, std::string team) {
    Person p;
    p.name = std::move(name);
    p.roles = {std::move(role)};
    p.teams = {std::move(team)};
    r.people.push_back(std::move(p));
  };
  person("ito", "network", "network-engineering");
  person("lind", "security", "security");
  person("web", "network", "web-team");
  auto vantage = [&](std::string name, std::string zone_name, std::string_view address) {
    Vantage v;
    v.name = std::move(name);
    v.zone = std::move(zone_name);
    v.address = ip(address);
    r.vantages.push_back(std::move(v));
  };
  vantage("external", "internet", "203.0.113.77");
  vantage("office", "office", "10.50.0.9");
  r.scope.given = true;
  r.scope.targets = ends(r, {"dmz", "database"});
  return r;
}

}  // namespace demarc::world
