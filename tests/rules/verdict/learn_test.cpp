// What `demarc learn` promises: the draft passes `check`, explains the evidence, and approves nothing else.
#include "rules/verdict/learn.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "rules/policy/lint.h"
#include "rules/policy/yaml_reader.h"
#include "rules/verdict/reconcile.h"

namespace demarc {

namespace {

Address ip(std::string_view text) { return *parse_address(text); }

constexpr std::int64_t kStart = 1'795'428'000;  // 2026-11-23T10:00:00Z

struct Scene {
  FlowEvidence flows;
  Scene() {
    flows.file = "dmz.pcapng";
    FlowSource source;
    source.file = "dmz.pcapng";
    source.packets = 1000;
    source.first = Timestamp::from_seconds(kStart);
    source.last = Timestamp::from_seconds(kStart + 86'400);
    flows.sources.push_back(source);
  }
  ObservedFlow& add(Address client, Address server, Protocol protocol, std::uint16_t port,
                    std::uint32_t established = 1) {
    ObservedFlow f;
    f.initiator = client;
    f.responder = server;
    f.protocol = protocol;
    f.initiator_certain = true;
    if (protocol.is_icmp())
      f.icmp = {static_cast<std::uint8_t>(port), std::uint8_t{0}};
    else
      f.port = Port(port);
    f.record = static_cast<std::uint32_t>(flows.flows.size()) + 1;
    f.conversations = std::max(1U, established);
    f.established = established;
    f.packets_out = f.packets_in = 10 * f.conversations;
    f.bytes_out = 1000 * f.conversations;
    f.bytes_in = 5000 * f.conversations;
    if (established == 0) f.packets_out = 3, f.packets_in = f.bytes_in = 0;
    f.first = Timestamp::from_seconds(kStart + f.record);
    f.last = Timestamp::from_seconds(kStart + f.record + 60);
    f.states.add(established != 0 ? ConnState::SF : ConnState::S0, f.conversations);
    return flows.flows.emplace_back(f);
  }
  ObservedFlow& tcp(std::string_view client, std::string_view server, std::uint16_t port,
                    std::uint32_t established = 1) {
    return add(ip(client), ip(server), Protocol::tcp, port, established);
  }
  ObservedFlow& udp(std::string_view client, std::string_view server, std::uint16_t port,
                    std::uint32_t established = 1) {
    return add(ip(client), ip(server), Protocol::udp, port, established);
  }
  void speaks(ObservedFlow& flow, std::string_view name) {
    ServiceSeen seen;
    seen.name = std::string(name);
    flow.service = static_cast<std::uint32_t>(flows.services.size());
    flows.services.push_back(seen);
  }
  Snapshot snapshot() const {
    Snapshot s;
    s.flows.push_back(flows);
    return s;
  }
};

/// Reads a draft, and what it includes.
ReadRuleSet read(const std::string& draft, const std::string& base = "") {
  RuleFiles files;
  files.read = [&](const std::string& path) -> Result<std::string> {
    if (path == "draft.yaml") return draft;
    if (path == "base.yaml") return base;
    return std::unexpected(Error{{}, "no such file", ""});
  };
  return read_rule_set("draft.yaml", files);
}

std::string all_of(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics.all()) out += d.error.what + "\n";
  return out;
}

/// As people would sign it: everything, also what is to be decided.
std::string approved(std::string draft) {
  constexpr std::string_view kProposed = "    status: proposed\n";
  constexpr std::string_view kSigned =
      "    approved: { network: { by: a.ito, date: 2026-11-02 }, systems: { by: m.okafor, date: 2026-11-02 }, "
      "security: { by: r.lind, date: 2026-11-03 } }\n";
  for (std::size_t at = 0; (at = draft.find(kProposed, at)) != std::string::npos; at += kSigned.size())
    draft.replace(at, kProposed.size(), kSigned);
  return draft;
}

std::string complaints(const RuleSet& rules) {
  std::string out;
  for (const LintFinding& f : lint(rules, Timestamp::from_seconds(kStart)))
    if (f.severity >= Severity::low) out += f.kind + ": " + f.title + "\n";
  return out;
}

/// Attempts make no rule, so that what a DMZ host tried in vain stays a finding: they are left out here.
std::string undocumented(const RuleSet& rules, const Snapshot& snapshot) {
  Snapshot used;
  for (const FlowEvidence& evidence : snapshot.flows) {
    FlowEvidence& kept = used.flows.emplace_back(evidence);
    std::erase_if(kept.flows, [](const ObservedFlow& f) {
      return f.established == 0 && !(f.protocol == Protocol::udp && (f.port == Port(514) || f.port == Port(162)));
    });
  }
  const Verdict verdict =
      judge(rules, used, {.as_of = Timestamp::from_seconds(kStart + 2 * 86'400), .tool_version = {}});
  std::string out;
  for (const Finding& f : verdict.findings)
    if (f.kind == FindingKind::flow_undocumented || f.kind == FindingKind::outbound_undocumented ||
        f.kind == FindingKind::host_undocumented || f.kind == FindingKind::service_mismatch)
      out += f.title + "\n";
  return out;
}

/// Both promises, or what is broken.
std::string broken(const Snapshot& snapshot, const Learned& learned, const std::string& base = "") {
  const ReadRuleSet proposed = read(learned.draft, base);
  if (!proposed.rules || !proposed.diagnostics.all().empty()) return "check: " + all_of(proposed.diagnostics);
  if (const std::string text = complaints(*proposed.rules); !text.empty()) return "check: " + text;
  const ReadRuleSet in_force = read(approved(learned.draft), base);
  if (!in_force.rules) return "signed: " + all_of(in_force.diagnostics);
  if (const std::string text = complaints(*in_force.rules); !text.empty()) return "signed: " + text;
  return undocumented(*in_force.rules, snapshot);
}

const LearnedRule* rule_for(const Learned& learned, std::string_view service) {
  for (const LearnedRule& rule : learned.rules)
    if (std::find(rule.service_names.begin(), rule.service_names.end(), service) != rule.service_names.end())
      return &rule;
  return nullptr;
}

using Names = std::vector<std::string>;

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A small DMZ on a working day.
Scene working_day() {
  Scene s;
  for (std::uint32_t i = 0; i < 60; ++i) {
    const Address client = Address::ipv4(0x52007105U + i * 0x00110007U);
    for (const char* web : {"192.0.2.10", "192.0.2.11"})
      s.speaks(s.add(client, ip(web), Protocol::tcp, 443, 3), "tls");
    if (i < 40) s.speaks(s.add(client, ip("192.0.2.25"), Protocol::tcp, 25), "smtp");
  }
  for (const char* web : {"192.0.2.10", "192.0.2.11"}) {
    for (const char* sql : {"10.30.0.21", "10.30.0.22"}) s.speaks(s.tcp(web, sql, 1433, 200), "mssql");
    s.udp(web, "10.40.0.5", 514, 0).packets_out = 400;
    s.udp("10.40.0.5", web, 161, 50);
    s.add(ip("10.40.0.5"), ip(web), Protocol::icmp, 8, 90);
  }
  s.udp("192.0.2.25", "10.40.0.5", 514, 0);
  for (std::uint32_t i = 0; i < 40; ++i)
    s.add(ip("192.0.2.25"), Address::ipv4(0x60080808U + i * 0x00130001U), Protocol::udp, 53, 4);
  // Workstations: ten of sixteen, which is more than half of a /28.
  for (int i = 1; i <= 10; ++i) s.tcp(fmt::format("10.50.1.{}", i), "192.0.2.10", 8730);
  // FTP with its data connections, a scan, and one who knocks.
  s.speaks(s.tcp("10.50.1.3", "192.0.2.11", 21, 2), "ftp");
  s.flows.parents.push_back({ip("10.50.1.3"), ip("192.0.2.11"), Protocol::tcp, Port(21), RelatedBy::ftp});
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{50'010, 50'011, 50'012})
    s.tcp("10.50.1.3", "192.0.2.11", port).parent = 0;
  s.tcp("192.0.2.11", "10.50.1.3", 51'515).parent = 0;  // active: the server opens, towards the client's port
  s.tcp("203.0.113.9", "192.0.2.10", 22, 0);
  TrafficNoise scan;
  scan.kind = NoiseKind::port_scan;
  scan.initiator = ip("203.0.113.66");
  scan.responder = ip("192.0.2.10");
  scan.protocol = Protocol::tcp;
  scan.attempts = 1000;
  s.flows.noise.push_back(scan);
  // Somebody came in at the middle.
  s.tcp("10.50.2.2", "192.0.2.25", 143).initiator_certain = false;
  return s;
}

}  // namespace

TEST_CASE("a working day becomes the rules that a person would have written") {
  const Snapshot snapshot = working_day().snapshot();
  const Learned learned = learn(snapshot, nullptr, {.name = "shop-dmz", .include = {}});
  CHECK(broken(snapshot, learned) == "");
  const LearnedRule* web = rule_for(learned, "https-tcp");
  REQUIRE(web != nullptr);
  CHECK(web->from.names == Names{"internet"});
  CHECK(web->to.names == Names{"host-192-0-2-10", "host-192-0-2-11"});
  CHECK(web->conversations == 360);
  CHECK(web->clients == 60);
  CHECK(web->servers == 2);
  CHECK_FALSE(web->decide);
  const LearnedRule* sql = rule_for(learned, "mssql");
  REQUIRE(sql != nullptr);
  CHECK(sql->from.names == Names{"host-192-0-2-10", "host-192-0-2-11"});
  CHECK(sql->to.names == Names{"host-10-30-0-21", "host-10-30-0-22"});
  CHECK(sql->decide);
  const LearnedRule* mail = rule_for(learned, "smtp");
  REQUIRE(mail != nullptr);
  CHECK(mail->decide);
  const LearnedRule* logs = rule_for(learned, "syslog-udp");
  REQUIRE(logs != nullptr);
  CHECK(learned.services[logs->services[0]].one_way);
  CHECK(logs->clients == 3);
  const LearnedRule* copies = rule_for(learned, "tcp-8730");
  REQUIRE(copies != nullptr);
  CHECK(copies->from.names == Names{"10.50.1.0/28"});
  const LearnedRule* names = rule_for(learned, "dns-udp");
  REQUIRE(names != nullptr);
  CHECK(names->to.names == Names{"internet"});
  const LearnedRule* files = rule_for(learned, "ftp-21");
  REQUIRE(files != nullptr);
  CHECK(learned.services[files->services[0]].announces == std::vector{RelatedBy::ftp});
  CHECK(learned.left_out.related == 4);
  CHECK(learned.left_out.scans == 1000);
  CHECK(learned.left_out.attempts == 1);
  // Monitoring asks by SNMP and by ping, and both are dangerous or not each by itself.
  CHECK(learned.rules.size() == 10);
}

TEST_CASE("the draft, read aloud") {
  const std::string path = std::string(DEMARC_SOURCE_DIR) + "/tests/rules/verdict/data/learned.yaml";
  const Learned learned = learn(working_day().snapshot(), nullptr, {.name = "shop-dmz", .include = {}});
  const std::string golden = read_file(path);
  if (learned.draft != golden) {
    std::ofstream("learned.yaml.actual") << learned.draft;
    MESSAGE("differs from " << path << "; the draft is in learned.yaml.actual");
  }
  CHECK(learned.draft == golden);
}

namespace {

constexpr std::string_view kBase = R"(demarc: 1
name: base
review: { interval: 12 months, approval_roles: [network, systems, security] }
zones:
  internet: { any: true }
  dmz: { cidrs: [192.0.2.0/26], intra: allowed }
  inside: { cidrs: [10.40.0.0/16] }
  office: { cidrs: [10.50.0.0/16] }
hosts:
  web1: { addresses: [192.0.2.10] }
  web2: { addresses: [192.0.2.11] }
  nms: { addresses: [10.40.0.5] }
  old: { addresses: [192.0.2.40] }
groups:
  webs: [web1, web2]
  admins: [10.40.0.7, 10.40.0.8, 10.40.0.9]
services:
  https: { tcp: [443] }
  logs: { udp: [162, 514], replies: none }
  ping: { icmp: [echo-request], icmpv6: [echo-request] }
  smb: { tcp: [445] }
  dns: { tcp: [53], udp: [53] }
  remote: { tcp: [3389] }
scope: { targets: [] }
people:
  a.ito: { roles: [network], teams: [net] }
  m.okafor: { roles: [systems], teams: [sys] }
  r.lind: { roles: [security], teams: [sec] }
rules:
  - id: WEB-1
    service: https
    from: [internet]
    to: [web1]
    owner: web
    reason: Shop
    approved: { network: { by: a.ito, date: 2026-11-02 }, systems: { by: m.okafor, date: 2026-11-02 }, security: { by: r.lind, date: 2026-11-03 } }
    review_by: 2027-11-02
  - id: OLD-1
    service: https
    from: [office]
    to: [old]
    owner: web
    reason: Moved
    approved: { network: { by: a.ito, date: 2025-11-02 }, systems: { by: m.okafor, date: 2025-11-02 }, security: { by: r.lind, date: 2025-11-03 } }
    review_by: 2027-11-02
    expires: 2026-11-22
forbidden:
  - { id: F-SMB, services: [smb], from: [internet], to: [dmz], severity: critical }
)";

}  // namespace

TEST_CASE("with a rule set only what it lacks is drafted, in its own words") {
  Scene s;
  s.tcp("203.0.113.9", "192.0.2.10", 443, 7);  // WEB-1
  s.tcp("203.0.113.9", "192.0.2.11", 443);     // nothing
  s.tcp("203.0.113.9", "192.0.2.11", 445);     // F-SMB
  s.tcp("192.0.2.10", "192.0.2.11", 8080);     // inside one subnet of the DMZ
  s.tcp("10.50.0.4", "192.0.2.40", 443);       // OLD-1, expired
  s.udp("192.0.2.10", "10.40.0.5", 514, 0);
  s.udp("192.0.2.10", "10.40.0.5", 162, 0);
  s.udp("192.0.2.11", "10.40.0.5", 514, 0);
  s.udp("192.0.2.11", "10.40.0.5", 162, 0);
  s.tcp("192.0.2.10", "10.40.0.6", 53);
  s.udp("192.0.2.10", "10.40.0.6", 53);
  s.udp("192.0.2.11", "10.40.0.6", 53);
  s.add(ip("10.40.0.5"), ip("192.0.2.10"), Protocol::icmp, 8);
  s.add(ip("10.40.0.5"), ip("192.0.2.11"), Protocol::icmp, 8);
  s.tcp("10.40.0.7", "192.0.2.10", 3389);
  s.tcp("10.40.0.8", "192.0.2.10", 3389);
  const Snapshot snapshot = s.snapshot();
  const ReadRuleSet base = read(std::string(kBase));
  REQUIRE_MESSAGE(base.rules.has_value(), all_of(base.diagnostics));
  const Learned learned = learn(snapshot, &*base.rules, {.include = "base.yaml"});
  INFO(learned.draft);
  CHECK(learned.left_out.approved == 7);
  CHECK(learned.left_out.intra == 1);
  REQUIRE(learned.forbidden.size() == 1);
  CHECK(learned.forbidden[0].entry == "F-SMB");
  CHECK(learned.draft.find("FORBIDDEN by F-SMB, and used: tcp/445 of web2 by 1 client") != std::string::npos);
  const LearnedRule* logs = rule_for(learned, "logs");
  REQUIRE(logs != nullptr);
  CHECK(logs->from.names == Names{"webs"});
  CHECK(logs->to.names == Names{"nms"});
  CHECK(logs->service_names == Names{"logs"});
  const LearnedRule* ping = rule_for(learned, "ping");
  REQUIRE(ping != nullptr);
  CHECK(ping->to.names == Names{"web1", "web2"});
  // tcp/53 and udp/53 have different clients, so the rule set's `dns` would approve more than was seen.
  CHECK(rule_for(learned, "dns") == nullptr);
  const LearnedRule* remote = rule_for(learned, "remote");
  REQUIRE(remote != nullptr);
  CHECK(remote->from.names == Names{"admins"});
  CHECK(remote->generalisations == Names{"admins for 2 of its 3 addresses"});
  CHECK(remote->decide);
  bool moved = false;
  for (const LearnedRule& rule : learned.rules) moved = moved || rule.not_in_force == Names{"OLD-1"};
  CHECK(moved);
  const ReadRuleSet proposed = read(learned.draft, std::string(kBase));
  REQUIRE_MESSAGE(proposed.rules.has_value(), all_of(proposed.diagnostics));
  CHECK(all_of(proposed.diagnostics) == "");
  CHECK(complaints(*proposed.rules) == complaints(*base.rules));
  const ReadRuleSet in_force = read(approved(learned.draft), std::string(kBase));
  REQUIRE_MESSAGE(in_force.rules.has_value(), all_of(in_force.diagnostics));
  CHECK(complaints(*in_force.rules) == complaints(*base.rules));
  CHECK(undocumented(*in_force.rules, snapshot) == "");
  // Once that is approved there is nothing left to learn.
  const Learned again = learn(snapshot, &*in_force.rules, {.include = "base.yaml"});
  CHECK(again.rules.empty());
}

TEST_CASE("hostile words in evidence stay words") {
  Scene s = working_day();
  s.flows.sources[0].file = "evil\"\n- id: X\n#\x1b[31m: {}.pcap";
  s.flows.file = s.flows.sources[0].file;
  s.speaks(s.flows.flows[0], "x\" }\nrules: [");
  ServiceSeen seen;
  seen.name = "tls";
  seen.product = seen.evidence = "\n  - id: Y";
  seen.certificate_names = {"\nrules:"};
  s.flows.flows[2].service = static_cast<std::uint32_t>(s.flows.services.size());
  s.flows.services.push_back(seen);
  s.flows.flows[3].service = 0xFFFF;  // out of range
  s.flows.flows[4].parent = 77;
  s.flows.flows[5].real = 99;
  s.flows.flows[6].source = 1234;
  const Snapshot snapshot = s.snapshot();
  const Learned learned = learn(snapshot, nullptr, {.name = "a: b\n- c", .include = {}});
  CHECK(broken(snapshot, learned) == "");
  CHECK(learned.draft.find("\x1b") == std::string::npos);
  CHECK(learned.draft.find("\n- id") == std::string::npos);
}

TEST_CASE("nothing to learn is a rule set too") {
  Scene s;
  s.tcp("203.0.113.9", "192.0.2.10", 443, 0);
  const Snapshot snapshot = s.snapshot();
  const Learned learned = learn(snapshot, nullptr, {});
  CHECK(learned.rules.empty());
  CHECK(broken(snapshot, learned) == "");
  CHECK(broken(Snapshot{}, learn(Snapshot{}, nullptr, {})) == "");
}

TEST_CASE("other protocols, both families, port ranges, routing") {
  Scene s;
  s.add(ip("2001:db8:1::5"), ip("2001:db8:2::10"), Protocol::tcp, 443);
  s.add(ip("2001:db8:1::5"), ip("2001:db8:2::10"), Protocol::icmpv6, 128);
  s.add(ip("10.0.0.1"), ip("10.0.1.1"), Protocol::esp, 0);
  s.add(ip("10.0.0.1"), ip("10.0.1.1"), Protocol::gre, 0);
  s.add(ip("10.0.0.1"), ip("10.0.1.1"), Protocol::sctp, 2905);
  for (std::uint16_t port = 40'000; port < 40'030; port = static_cast<std::uint16_t>(port + 2))
    s.udp("10.0.0.7", "10.0.1.7", port);
  s.udp("10.0.0.7", "224.0.0.251", 5353, 0);
  s.add(ip("10.0.0.2"), ip("224.0.0.5"), Protocol::ospf, 0, 0);
  s.udp("10.0.0.7", "10.0.0.255", 138, 0);
  s.add(ip("10.0.0.1"), ip("10.0.1.9"), Protocol::icmp, 13);
  const Snapshot snapshot = s.snapshot();
  const Learned learned = learn(snapshot, nullptr, {});
  INFO(learned.draft);
  CHECK(broken(snapshot, learned) == "");
  CHECK(rule_for(learned, "udp-40000-40028") != nullptr);
  CHECK(rule_for(learned, "ip-esp") != nullptr);
  CHECK(rule_for(learned, "icmp-timestamp-request") != nullptr);
  CHECK(learned.left_out.link_control == 2);
  const LearnedRule* routing = rule_for(learned, "ip-ospf");
  REQUIRE(routing != nullptr);
  CHECK(routing->to.names == Names{"224.0.0.5"});
}

// ---------------------------------------------------------------- random networks

namespace {

struct Seen {
  Address client, server;
  Protocol protocol;
  std::uint16_t port;
  auto operator<=>(const Seen&) const = default;
};

Scene random_network(std::mt19937& random) {
  const auto any = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  Scene s;
  std::vector<Address> inside;
  const std::uint32_t networks = 1 + any(4);
  for (std::uint32_t n = 0; n < networks; ++n)
    for (std::uint32_t h = 0, hosts = 1 + any(12); h < hosts; ++h)
      inside.push_back(any(5) == 0 ? Address::ipv6(0xFD00'0000'0000'0000ULL + n, 1 + any(16))
                                   : Address::ipv4(0x0A000000U + n * 256 + 1 + any(16)));
  constexpr std::uint16_t kPorts[] = {22, 53, 80, 443, 445, 1433, 8730, 30'001, 30'002, 25};
  const std::uint32_t talks = any(60);
  for (std::uint32_t t = 0; t < talks; ++t) {
    const Address server = inside[any(static_cast<std::uint32_t>(inside.size()))];
    const bool udp = any(4) == 0;
    const std::uint16_t port = kPorts[any(std::size(kPorts))];
    const std::uint32_t kind = any(8);
    const std::uint32_t clients = kind == 0 ? 20 + any(60) : 1 + any(5);
    for (std::uint32_t c = 0; c < clients; ++c) {
      Address client = kind == 0   ? Address::ipv4(0x50000000U + any(20) * 0x10000U + any(64))
                       : kind == 1 ? Address::ipv4(0x0A010000U + any(24))
                                   : inside[any(static_cast<std::uint32_t>(inside.size()))];
      if (client.family() != server.family() || client == server) continue;
      ObservedFlow& f =
          s.add(client, server, udp ? Protocol::udp : Protocol::tcp, port, any(6) == 0 ? 0 : 1 + any(3));
      f.initiator_certain = any(4) != 0;
    }
    if (any(6) == 0)
      for (std::uint32_t i = 0; i < 50; ++i)
        if (server.is_ipv4())
          s.add(server, Address::ipv4(0x60000000U + any(12) * 0x10000U + any(50)), Protocol::tcp, 443);
  }
  return s;
}

/// Everything that was used, one by one.
std::set<Seen> used(const Scene& s) {
  std::set<Seen> out;
  for (const ObservedFlow& f : s.flows.flows)
    if (f.established != 0) out.insert({f.initiator, f.responder, f.protocol, f.port.number()});
  return out;
}

/// Whether a piece of a rule may stand for the addresses seen there: one address that was, or what learn.h allows.
bool carried(const AddressSet& piece, const std::set<Address>& seen, bool internet) {
  std::size_t inside = 0;
  std::set<Prefix> networks;
  for (const Address& a : seen)
    if (piece.contains(a)) {
      ++inside;
      networks.insert(Prefix::containing(a, a.is_ipv4() ? 16 : 32));
    }
  if (internet) return inside >= 32 && networks.size() >= 8;
  if (piece.size() == 1) return inside == 1;
  return piece.size() <= 256 && inside >= 4 && Uint128{inside} * 2 >= piece.size();
}

void check_nothing_else(const RuleSet& rules, const std::set<Seen>& all) {
  const auto pieces = [&](const EndpointSet& side) {
    std::vector<std::string> names;
    for (const std::string& name : side.names) {
      const auto group =
          std::find_if(rules.groups.begin(), rules.groups.end(), [&](const Group& g) { return g.name == name; });
      if (group == rules.groups.end())
        names.push_back(name);
      else
        names.insert(names.end(), group->members.names.begin(), group->members.names.end());
    }
    std::vector<std::pair<AddressSet, bool>> out;
    for (const std::string& name : names) {
      const Zone* zone = rules.zone(name);
      const Host* host = rules.host(name);
      const Result<Prefix> prefix = parse_prefix(name);
      if (zone != nullptr && zone->any)
        out.emplace_back(zone->addresses, true);
      else if (host != nullptr)
        out.emplace_back(AddressSet::single(host->addresses.front()), false);
      else if (prefix)
        out.emplace_back(AddressSet{*prefix}, false);
      else
        RC_FAIL(name + " is no zone, host or prefix");
    }
    return out;
  };
  for (const Rule& rule : rules.rules)
    for (const std::uint32_t service : rule.services) {
      const Service& s = rules.services[service];
      RC_ASSERT(s.tcp.size() + s.udp.size() == 1);
      const Protocol protocol = s.tcp.empty() ? Protocol::udp : Protocol::tcp;
      const std::uint16_t port = (s.tcp.empty() ? s.udp : s.tcp).ranges().front().first.number();
      for (const auto& [to, to_internet] : pieces(rule.to))
        for (const auto& [from, from_internet] : pieces(rule.from)) {
          std::set<Address> clients, servers;
          for (const Seen& seen : all) {
            if (seen.protocol != protocol || seen.port != port) continue;
            if (to.contains(seen.server) && from.contains(seen.client)) {
              clients.insert(seen.client);
              servers.insert(seen.server);
            }
          }
          if (!carried(from, clients, from_internet) || !carried(to, servers, to_internet))
            RC_FAIL(fmt::format("{} approves {}/{} from {} to {}, seen with {} clients and {} servers", rule.id,
                                to_string(protocol), port, to_string(from), to_string(to), clients.size(),
                                servers.size()));
        }
    }
}

/// (client set, server set, service) where servers with the same clients stand together; apart where a zone is
/// crossed.
std::size_t triples(const std::set<Seen>& all) {
  std::map<std::tuple<Protocol, std::uint16_t, Address, bool>, std::set<Address>> clients;
  const auto network = [](const Address& a) {
    return a.is_ipv4() && (a.ipv4_number() >> 24) != 10 ? Prefix() : Prefix::containing(a, a.is_ipv4() ? 24 : 64);
  };
  for (const Seen& s : all)
    clients[{s.protocol, s.port, s.server, network(s.client) != network(s.server)}].insert(s.client);
  std::set<std::tuple<Protocol, std::uint16_t, bool, std::set<Address>>> distinct;
  for (const auto& [key, set] : clients)
    distinct.insert({std::get<0>(key), std::get<1>(key), std::get<3>(key), set});
  return distinct.size();
}

}  // namespace

TEST_CASE("random networks: everything is explained, nothing else is approved, and no set is smaller") {
  CHECK(rc::check("the promises of learn.h", [](std::uint32_t seed) {
    std::mt19937 random(seed);
    const Scene scene = random_network(random);
    const Snapshot snapshot = scene.snapshot();
    const Learned learned = learn(snapshot, nullptr, {});
    const std::string what = broken(snapshot, learned);
    if (!what.empty()) RC_FAIL(what + learned.draft);
    const ReadRuleSet in_force = read(approved(learned.draft));
    RC_ASSERT(in_force.rules.has_value());
    const std::set<Seen> all = used(scene);
    check_nothing_else(*in_force.rules, all);
    RC_ASSERT(learned.rules.size() <= triples(all));

    Scene shuffled = scene;
    std::shuffle(shuffled.flows.flows.begin(), shuffled.flows.flows.end(), random);
    RC_ASSERT(learn(shuffled.snapshot(), nullptr, {}).draft == learned.draft);
  }));
}

}  // namespace demarc
