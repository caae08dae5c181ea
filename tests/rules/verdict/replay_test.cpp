#include "rules/verdict/replay.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rules/acl/readers/reader.h"
#include "rules/verdict/replay_formats.h"
#include "tests/rules/policy/world.h"

namespace demarc {
namespace {

using world::ip;
using world::when;

Device read(std::string text, Dialect dialect = Dialect::cisco_ios) {
  return read_configuration(Source("edge.cfg", std::move(text)), dialect).value();
}

/// 198.51.100.0/24 and the rest behind Gi0/0, the servers behind Gi0/1.
Device edge(std::string_view inward, std::string_view outward = "") {
  std::string text =
      "hostname edge\n"
      "interface Gi0/0\n ip address 203.0.113.1 255.255.255.248\n ip access-group IN in\n";
  if (!outward.empty()) text += " ip access-group OUT out\n";
  text += "interface Gi0/1\n ip address 192.0.2.1 255.255.255.192\nip access-list extended IN\n";
  text += inward;
  if (!outward.empty()) text += fmt::format("ip access-list extended OUT\n{}", outward);
  return read(text);
}

FlowEvidence evidence() {
  FlowEvidence e;
  e.file = "dmz.pcap";
  FlowSource source;
  source.file = "dmz.pcap";
  e.sources.push_back(std::move(source));
  return e;
}
ObservedFlow& flow(FlowEvidence& e, const char* from, const char* to, Protocol protocol, std::uint16_t port,
                   std::uint32_t conversations = 1, bool used = true) {
  ObservedFlow f;
  f.initiator = ip(from), f.responder = ip(to);
  f.protocol = protocol, f.port = Port(port);
  f.initiator_certain = true;
  f.conversations = conversations, f.established = used ? conversations : 0;
  f.packets_out = conversations, f.packets_in = used ? conversations : 0;
  f.record = static_cast<std::uint32_t>(e.flows.size() + 1);
  f.first = when("2026-11-20T08:00:00Z"), f.last = when("2026-11-20T09:00:00Z");
  e.flows.push_back(std::move(f));
  return e.flows.back();
}

/// "deny opening IN:12 x3"
std::string words(const Device& device, const std::vector<ReplayedFlow>& rows) {
  std::string out;
  for (const ReplayedFlow& f : rows) {
    std::string line = "nothing";
    if (f.now.by.list != kNoList) {
      const List& list = device.lists[f.now.by.list];
      line = fmt::format("{}:{}", list.name, f.now.by.entry ? list.entries[*f.now.by.entry].line : 0);
    }
    out += fmt::format("{} {} {} x{}\n", name(f.now.fate), name(f.now.leg), line, f.conversations);
  }
  return out;
}
Replay run(const Device& device, const FlowEvidence& e, const ReplayOptions& options = {}) {
  return replay(device, routing_by_networks(device), std::span(&e, 1), options);
}

TEST_CASE("a conversation breaks where its opening, what follows or its replies are stopped") {
  struct Row {
    const char *inward, *outward;
    const char* breaks;
  };
  const Row rows[] = {
      {" permit tcp any host 192.0.2.10 eq 443\n", "", ""},
      {" permit tcp any host 192.0.2.10 eq 80\n", "", "deny opening IN:0 x3\n"},
      {" deny tcp any any eq 443\n permit ip any any\n", "", "deny opening IN:8 x3\n"},
      {" permit tcp any host 192.0.2.10 eq 443 syn\n", "", "deny onward IN:0 x3\n"},
      {" permit tcp any host 192.0.2.10 eq 443\n", " permit tcp host 192.0.2.10 eq 443 any established\n", ""},
      {" permit tcp any host 192.0.2.10 eq 443\n", " permit tcp host 192.0.2.10 eq 80 any established\n",
       "deny reply OUT:0 x3\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.inward);
    const Device device = edge(row.inward, row.outward);
    FlowEvidence e = evidence();
    flow(e, "198.51.100.7", "192.0.2.10", Protocol::tcp, 443, 3);
    const Replay r = run(device, e);
    CHECK(words(device, r.breaks) == row.breaks);
    CHECK(r.undetermined.empty());
    CHECK(r.conversations == 3);
    CHECK(r.passing == (*row.breaks == 0 ? 3 : 0));
  }
}

TEST_CASE(
    "only use breaks; attempts are told beside it, and datagrams that nobody answers are use where a rule says "
    "so") {
  const Device device = edge(" permit tcp any host 192.0.2.10 eq 443\n");
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.10", Protocol::tcp, 25, 4, false);
  flow(e, "198.51.100.7", "192.0.2.10", Protocol::udp, 514, 2, false);
  Replay r = run(device, e);
  CHECK(r.breaks.empty());
  CHECK(r.attempts.size() == 2);
  RuleSet rules;
  Service syslog;
  syslog.name = "syslog", syslog.udp = world::ports("514"), syslog.one_way = true;
  rules.services.push_back(syslog);
  Rule rule;
  rule.id = "LOG-1";
  rule.services = {0};
  rule.from.addresses = AddressSet::all(), rule.to.addresses = AddressSet::all();
  rules.rules.push_back(rule);
  r = run(device, e, {.rules = &rules});
  CHECK(words(device, r.breaks) == "deny opening IN:0 x2\n");
  CHECK(words(device, r.attempts) == "deny opening IN:0 x4\n");
}

TEST_CASE("what the file does not decide is undetermined") {
  const Device device = edge(" permit tcp any host 192.0.2.10 eq 443 time-range NIGHT\n");
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.10", Protocol::tcp, 443);
  const Replay r = run(device, e);
  CHECK(r.breaks.empty());
  CHECK(words(device, r.undetermined) == "undetermined opening IN:8 x1\n");
  CHECK(conclusion_of(r) == "undetermined");
}

TEST_CASE("an initiator's port that was not recorded is one above 1023, and matters where lines ask for it") {
  const Device device = edge(" permit udp any range 40000 50000 host 192.0.2.5 eq 53\n");
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.5", Protocol::udp, 53);
  Replay r = run(device, e);
  REQUIRE(r.undetermined.size() == 1);
  CHECK(r.undetermined[0].now.why.find("initiator's port was not recorded") != std::string::npos);
  e.flows[0].initiator_port = Port(40000);
  CHECK(run(device, e).passing == 1);
  e.flows[0].initiator_port = Port(1053);
  CHECK(words(device, run(device, e).breaks) == "deny opening IN:0 x1\n");
}

TEST_CASE("against the present configuration only what changes is told, both ways") {
  const Device before = edge(" permit tcp any host 192.0.2.10 eq 443\n permit tcp any host 192.0.2.25 eq 25\n");
  const Device after = edge(" permit tcp any host 192.0.2.10 eq 443\n permit tcp any host 192.0.2.5 eq 53\n");
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.10", Protocol::tcp, 443);
  flow(e, "198.51.100.7", "192.0.2.25", Protocol::tcp, 25, 5);
  flow(e, "198.51.100.7", "192.0.2.5", Protocol::tcp, 53);
  flow(e, "198.51.100.7", "192.0.2.6", Protocol::tcp, 22);  // stopped by both: another path
  const Replay r = run(after, e, {.present = &before, .present_routing = routing_by_networks(before)});
  CHECK(words(after, r.breaks) == "deny opening IN:0 x5\n");
  REQUIRE(r.breaks.size() == 1);
  CHECK(before.lists[r.breaks[0].before.by.list].entries[r.breaks[0].before.by.entry.value()].line == 9);
  CHECK(words(after, r.admits) == "permit opening IN:9 x1\n");
  CHECK(r.passing == 2);
}

TEST_CASE("conversations of one network do not come by, and those of the device are its own affair") {
  const Device device = edge(" deny ip any any\n");
  FlowEvidence e = evidence();
  flow(e, "192.0.2.10", "192.0.2.11", Protocol::tcp, 443, 7);
  flow(e, "203.0.113.2", "192.0.2.1", Protocol::tcp, 22);   // to the device: the inward list sees it
  flow(e, "192.0.2.1", "203.0.113.2", Protocol::udp, 123);  // from the device: no list does; its reply enters
  const Replay r = run(device, e);
  CHECK(r.elsewhere == 7);
  CHECK(words(device, r.breaks) == "deny opening IN:8 x1\ndeny reply IN:8 x1\n");
}

TEST_CASE("interfaces that are said take the place of networks, and replies go the other way round") {
  const Device device = edge(" permit tcp any any eq 443\n", " permit tcp any eq 443 any established\n");
  FlowEvidence e = evidence();
  flow(e, "10.1.1.1", "10.2.2.2", Protocol::tcp, 443);
  const Routing in = routing_said(device, InterfaceId{0}, InterfaceId{1}, kNoList);
  CHECK(replay(device, in, std::span(&e, 1)).passing == 1);
  const Routing out = routing_said(device, InterfaceId{1}, InterfaceId{0}, kNoList);
  CHECK(words(device, replay(device, out, std::span(&e, 1)).breaks) == "deny opening OUT:0 x1\n");
  const Routing list = routing_said(device, {}, {}, device.find_list("IN"));
  CHECK(replay(device, list, std::span(&e, 1)).passing == 1);
  CHECK(list.assumed.size() == 1);
}

TEST_CASE("a filter with state lets replies by where it accepts them, and not otherwise") {
  const char* rules =
      "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
      "{}-A FORWARD -p tcp -m tcp --dport 443 -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n";
  const Device with =
      read(fmt::format(fmt::runtime(rules), "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"),
           Dialect::iptables);
  const Device without = read(fmt::format(fmt::runtime(rules), ""), Dialect::iptables);
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.10", Protocol::tcp, 443);
  CHECK(run(with, e).passing == 1);
  CHECK(words(without, run(without, e).breaks) == "deny onward filter/FORWARD:0 x1\n");
}

TEST_CASE("long lists decide as short ones do") {
  std::string entries;
  for (int i = 0; i < 200; ++i) entries += fmt::format(" deny tcp any host 192.0.2.63 eq {}\n", i + 1);
  entries += " permit tcp any host 192.0.2.10 eq 443\n deny tcp host 198.51.100.9 any\n permit udp any any eq 53\n";
  const Device device = edge(entries);
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.10", Protocol::tcp, 443);
  flow(e, "198.51.100.9", "192.0.2.11", Protocol::tcp, 80);
  flow(e, "198.51.100.7", "192.0.2.63", Protocol::tcp, 200);
  flow(e, "198.51.100.7", "192.0.2.5", Protocol::udp, 53);
  const Replay r = run(device, e);
  CHECK(words(device, r.breaks) == "deny opening IN:207 x1\ndeny opening IN:209 x1\n");
  CHECK(r.passing == 2);
}

TEST_CASE("what the device translates is led and decided by the address that each line sees") {
  constexpr std::string_view kNat =
      "hostname edge\n"
      "ip nat inside source static tcp 192.0.2.10 8443 203.0.113.1 443\n"
      "interface Gi0/0\n ip address 203.0.113.1 255.255.255.248\n ip access-group IN in\n ip access-group OUT out\n"
      " ip nat outside\n"
      "interface Gi0/1\n ip address 192.0.2.1 255.255.255.192\n ip access-group SERVERS in\n ip nat inside\n";
  struct Row {
    const char* lists;
    const char* breaks;
  };
  const Row rows[] = {
      {"ip access-list extended IN\n permit tcp any host 203.0.113.1 eq 443\n"
       "ip access-list extended OUT\n permit tcp host 203.0.113.1 eq 443 any established\n"
       "ip access-list extended SERVERS\n permit tcp host 192.0.2.10 eq 8443 any established\n",
       ""},
      {"ip access-list extended IN\n permit tcp any host 192.0.2.10 eq 8443\n"
       "ip access-list extended OUT\n permit ip any any\nip access-list extended SERVERS\n permit ip any any\n",
       "deny opening IN:0 x2\n"},
      {"ip access-list extended IN\n permit ip any any\n"
       "ip access-list extended OUT\n permit ip any any\n"
       "ip access-list extended SERVERS\n permit tcp host 192.0.2.10 eq 443 any established\n",
       "deny reply SERVERS:0 x2\n"},
      {"ip access-list extended IN\n permit ip any any\n"
       "ip access-list extended OUT\n permit tcp host 192.0.2.10 eq 8443 any established\n"
       "ip access-list extended SERVERS\n permit ip any any\n",
       "deny reply OUT:0 x2\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.lists);
    const Device device = read(std::string(kNat) + row.lists);
    FlowEvidence e = evidence();
    flow(e, "198.51.100.7", "203.0.113.1", Protocol::tcp, 443, 2);
    CHECK(words(device, run(device, e).breaks) == row.breaks);
    // The same where it is known whom they reached.
    e.real_ends.push_back({ip("198.51.100.7"), ip("192.0.2.10"), Port(8443), false});
    e.flows[0].real = 0;
    CHECK(words(device, run(device, e).breaks) == row.breaks);
  }
}

TEST_CASE("what goes on in a conversation is translated as it began") {
  const Device device = read(
      "hostname edge\n"
      "ip nat inside source static tcp 192.0.2.10 8443 203.0.113.1 443\n"
      "interface Gi0/0\n ip address 203.0.113.1 255.255.255.248\n ip nat outside\n"
      "interface Gi0/1\n ip address 192.0.2.1 255.255.255.192\n ip access-group WEB out\n ip nat inside\n"
      "ip access-list extended WEB\n permit tcp any host 192.0.2.10 eq 8443\n");
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "203.0.113.1", Protocol::tcp, 443, 2);
  const Replay r = run(device, e);
  CHECK(words(device, r.breaks) == "");
  CHECK(words(device, r.undetermined) == "");
  CHECK(r.passing == 2);
}

TEST_CASE("errors and doubles are no conversations") {
  const Device device = edge(" deny ip any any\n");
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.10", Protocol::icmp, 0).icmp = {3, std::uint8_t{1}};
  e.real_ends.push_back({ip("198.51.100.7"), ip("192.0.2.10"), Port(443), true});
  flow(e, "198.51.100.7", "203.0.113.10", Protocol::tcp, 443).real = 0;
  const Replay r = run(device, e);
  CHECK(r.no_conversation == 2);
  CHECK(r.conversations == 0);
}

TEST_CASE("for programs: JSON and CSV") {
  const Device device = edge(" deny tcp any any eq 25\n permit ip any any\n");
  FlowEvidence e = evidence();
  flow(e, "198.51.100.7", "192.0.2.25", Protocol::tcp, 25, 2);
  const Replay r = run(device, e);
  const std::string csv = replay_csv({&device, nullptr, &r, {}});
  CHECK(csv.find("breaks,198.51.100.7,192.0.2.25,tcp,25,,true,2,2,2026-11-20T08:00:00Z,2026-11-20T09:00:00Z,deny,"
                 "opening,IN,8,deny tcp any any eq 25,") != std::string::npos);
  const std::string json = replay_json({&device, nullptr, &r, {}});
  CHECK(json.find("\"conclusion\": \"breaks\"") != std::string::npos);
  CHECK(json.find("\"line\": 8") != std::string::npos);
}

}  // namespace
}  // namespace demarc
