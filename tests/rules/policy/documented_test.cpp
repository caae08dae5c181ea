// Three implementations of "is this packet approved?" must agree: the sets, the look-up by packet, and the slices
// by port; and all of them with the definition, written down naively here.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "rules/policy/approval.h"
#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

namespace {

struct Naive {
  const RuleSet& rules;
  Timestamp at;

  bool speaks(const std::vector<std::uint32_t>& services, const Packet& p) const {
    return std::any_of(services.begin(), services.end(), [&](std::uint32_t index) {
      const Service& s = rules.services[index];
      if (s.all || std::find(s.ip.begin(), s.ip.end(), p.protocol) != s.ip.end()) return true;
      bool source = !s.source_ports || s.source_ports->contains(p.source_port);
      if (p.protocol == Protocol::tcp) return source && (s.tcp.contains(p.port) || s.related_tcp.contains(p.port));
      if (p.protocol == Protocol::udp) return source && (s.udp.contains(p.port) || s.related_udp.contains(p.port));
      const auto& types = p.protocol == Protocol::icmp ? s.icmp : s.icmpv6;
      return p.protocol.is_icmp() && std::any_of(types.begin(), types.end(), [&](IcmpType t) {
               return t.type == p.icmp.type && (!t.code || t.code == p.icmp.code);
             });
    });
  }
  template <typename R>
  bool matches(const R& r, const Packet& p) const {
    return r.from.addresses.contains(p.source) && r.to.addresses.contains(p.destination) && speaks(r.services, p);
  }
  bool named(const ForbiddenEntry& f, const std::string& id) const {
    return std::find(f.except_rules.begin(), f.except_rules.end(), id) != f.except_rules.end();
  }
  bool lifts(const ForbiddenEntry& f, const Packet& p) const {
    return std::any_of(rules.exceptions.begin(), rules.exceptions.end(), [&](const Exception& x) {
      return x.of == f.id && state_of(rules, x, at).in_force() && matches(x.rule, p);
    });
  }
  bool survives(const std::string& id, const Packet& p) const {
    return std::none_of(rules.forbidden.begin(), rules.forbidden.end(),
                        [&](const ForbiddenEntry& f) { return matches(f, p) && !lifts(f, p) && !named(f, id); });
  }
  bool approved(const Packet& p) const {
    for (const Rule& r : rules.rules)
      if (state_of(rules, r, at).in_force() && matches(r, p) && survives(r.id, p)) return true;
    for (const Exception& x : rules.exceptions) {
      auto f = std::find_if(rules.forbidden.begin(), rules.forbidden.end(),
                            [&](const ForbiddenEntry& e) { return e.id == x.of; });
      if (f != rules.forbidden.end() && state_of(rules, x, at).in_force() && matches(x.rule, p) && matches(*f, p) &&
          survives(x.rule.id, p))
        return true;
    }
    return false;
  }
  bool forbidden(const Packet& p) const {
    for (const ForbiddenEntry& f : rules.forbidden) {
      if (!matches(f, p) || lifts(f, p)) continue;
      bool excepted = std::any_of(rules.rules.begin(), rules.rules.end(), [&](const Rule& r) {
        return named(f, r.id) && state_of(rules, r, at).in_force() && matches(r, p);
      });
      if (!excepted) return true;
    }
    return false;
  }
};

RuleSet random_rules(std::mt19937& random) {
  RuleSet r = small_dmz();
  Service related;
  related.name = "ftp";
  related.tcp = ports("21");
  related.related_tcp = ports("50000-50010");
  r.services.push_back(related);
  Service fixed;
  fixed.name = "ntp";
  fixed.udp = ports("123");
  fixed.source_ports = ports("123");
  r.services.push_back(fixed);
  const std::vector<std::string> places = {"internet", "dmz",  "back",         "office",
                                           "database", "web1", "web1.front",   "web2",
                                           "mail",     "db",   "192.0.2.0/29", "2001:db8:d::/64"};
  auto pick = [&](const auto& list) { return list[random() % list.size()]; };
  auto some = [&] { return std::vector<std::string>{pick(places), pick(places)}; };
  std::vector<std::string> names;
  for (const Service& s : r.services) names.push_back(s.name);
  for (int i = 0; i < 8; ++i) {
    Rule x = rule(r, "R-" + std::to_string(i), {pick(names), pick(names)}, some(), some());
    if (random() % 5 == 0) x.expires = day("2026-03-31");
    if (random() % 6 == 0) x.approved.pop_back();
    if (random() % 7 == 0) x.proposed = true;
    r.rules.push_back(std::move(x));
  }
  for (int i = 0; i < 3; ++i) {
    std::vector<std::string> except;
    if (random() % 2 == 0) except.push_back("R-" + std::to_string(random() % 8));
    r.forbidden.push_back(forbid(r, "F-" + std::to_string(i), {pick(names)}, some(), some(), except));
  }
  for (int i = 0; i < 3; ++i) {
    Exception x;
    x.of = "F-" + std::to_string(random() % 3);
    x.rule = rule(r, "X-" + std::to_string(i), {pick(names)}, some(), some());
    x.rule.expires = day(random() % 3 == 0 ? "2026-03-31" : "2026-12-31");
    r.exceptions.push_back(std::move(x));
  }
  return r;
}

std::vector<Packet> interesting_packets() {
  const char* places[] = {"198.51.100.7", "192.0.2.5", "192.0.2.11",    "192.0.2.12",     "10.20.0.11",
                          "10.30.0.3",    "10.50.0.9", "2001:db8:f::1", "2001:db8:d::12", "172.16.0.1"};
  std::vector<Packet> out;
  for (const char* from : places) {
    for (const char* to : places) {
      if (ip(from).family() != ip(to).family()) continue;
      for (std::uint16_t port : {std::uint16_t{21}, std::uint16_t{25}, std::uint16_t{53}, std::uint16_t{80},
                                 std::uint16_t{443}, std::uint16_t{445}, std::uint16_t{1433}, std::uint16_t{5000},
                                 std::uint16_t{5001}, std::uint16_t{50010}}) {
        out.push_back(tcp(from, to, port));
        out.back().source_port = Port{40000};
      }
      for (std::uint16_t port : {std::uint16_t{53}, std::uint16_t{123}, std::uint16_t{137}}) {
        for (std::uint16_t source : {std::uint16_t{123}, std::uint16_t{40000}}) {
          out.push_back(packet(from, to, Protocol::udp, port));
          out.back().source_port = Port{source};
        }
      }
      Packet icmp = packet(from, to, ip(from).is_ipv4() ? Protocol::icmp : Protocol::icmpv6, 0);
      icmp.icmp = {static_cast<std::uint8_t>(ip(from).is_ipv4() ? 8 : 128), std::uint8_t{0}};
      out.push_back(icmp);
      out.push_back(packet(from, to, Protocol::esp, 0));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("sets, look-ups and slices agree with the definition on random rule sets") {
  std::mt19937 random(20261123);
  const std::vector<Packet> packets = interesting_packets();
  const Timestamp at = noon("2026-11-23");
  int approved = 0, forbidden = 0;
  for (int round = 0; round < 25; ++round) {
    CAPTURE(round);
    RuleSet rules = random_rules(random);
    PacketSpace space;
    Documented documented(rules, space, at);
    Naive naive{rules, at};
    CHECK_FALSE(documented.approved().overlaps(documented.forbidden()));
    int wrong = 0;
    for (const Packet& p : packets) {
      bool yes = naive.approved(p), no = naive.forbidden(p);
      approved += yes ? 1 : 0;
      forbidden += no ? 1 : 0;
      const Judgement& j = documented.judge(p);
      bool same = j.approved == yes && documented.approved().contains(p) == yes &&
                  documented.forbidden().contains(p) == (no && !yes);
      same &= j.forbidden == (no && !yes) || (no && yes);
      if (p.protocol == Protocol::tcp) {  // slices forget the source port, which only UDP fixes here
        same &= documented.approved_ports(p.source, p.destination, p.protocol).contains(p.port) == yes;
      }
      if (!same) {
        ++wrong;
        MESSAGE(to_string(p), " approved ", yes, j.approved, documented.approved().contains(p), " forbidden ", no,
                j.forbidden, documented.forbidden().contains(p));
      }
    }
    REQUIRE(wrong == 0);
  }
  CHECK(approved > 500);  // the universe is no desert
  CHECK(forbidden > 500);
}

TEST_CASE("the slices are those of the sets") {
  std::mt19937 random(7);
  for (int round = 0; round < 10; ++round) {
    RuleSet rules = random_rules(random);
    PacketSpace space;
    Documented documented(rules, space, noon("2026-11-23"));
    for (const char* from : {"198.51.100.7", "10.50.0.9", "192.0.2.11"}) {
      for (const char* to : {"192.0.2.11", "192.0.2.5", "10.30.0.3"}) {
        CAPTURE(round);
        CHECK(to_string(documented.approved_ports(ip(from), ip(to), Protocol::tcp)) ==
              to_string(documented.approved().ports_between(ip(from), ip(to), Protocol::tcp)));
        CHECK(to_string(documented.forbidden_ports(ip(from), ip(to), Protocol::tcp)) ==
              to_string(documented.forbidden().ports_between(ip(from), ip(to), Protocol::tcp)));
      }
    }
  }
}

TEST_CASE("who approves a packet, and who forbids it") {
  RuleSet r = small_dmz();
  r.rules.push_back(rule(r, "WEB-1", {"https"}, {"internet"}, {"web1.front"}));
  r.rules.push_back(rule(r, "WIDE", {"wide"}, {"internet"}, {"web1.front"}));
  r.rules.push_back(rule(r, "OLD", {"http"}, {"internet"}, {"web1.front"}));
  r.rules.back().expires = day("2026-03-31");
  r.rules.push_back(rule(r, "SMB", {"smb"}, {"office"}, {"web1.front"}));
  r.forbidden.push_back(forbid(r, "F-SMB", {"smb"}, {"internet", "office"}, {"dmz"}));
  r.forbidden.push_back(forbid(r, "F-RPC", {"wide"}, {"internet"}, {"dmz"}, {"WIDE"}));
  PacketSpace space;
  Documented d(r, space, noon("2026-11-23"));
  using List = std::vector<std::uint32_t>;
  CHECK(d.judge(tcp("198.51.100.7", "192.0.2.11", 443)).approved_by == List{0});
  CHECK(d.judge(tcp("198.51.100.7", "192.0.2.11", 2000)).approved_by == List{1});
  CHECK(d.judge(tcp("198.51.100.7", "192.0.2.11", 2000)).forbidden_lifted == List{1});
  CHECK(d.judge(tcp("198.51.100.7", "192.0.2.12", 2000)).forbidden_by == List{1});
  CHECK(d.judge(tcp("198.51.100.7", "192.0.2.11", 80)).not_in_force == List{2});
  CHECK(d.judge(tcp("10.50.0.9", "192.0.2.11", 445)).overruled == List{3});
  CHECK(d.judge(tcp("10.50.0.9", "192.0.2.11", 445)).forbidden_by == List{0});
  CHECK(d.approved_ports(ip("198.51.100.7"), ip("192.0.2.11"), Protocol::tcp) == ports("443,1024-5000"));

  auto why = [&](const Packet& p) {
    std::optional<NearestRule> nearest = d.nearest(p);
    return nearest ? nearest->why : "-";
  };
  CHECK(why(tcp("198.51.100.7", "192.0.2.11", 8443)) == "WEB-1 approves tcp/443, not tcp/8443");
  CHECK(why(tcp("198.51.100.7", "192.0.2.11", 80)) == "OLD expired 2026-03-31");
  CHECK(why(tcp("10.20.0.9", "192.0.2.11", 443)) ==
        "WEB-1 approves tcp/443 from internet, not from back (10.20.0.9)");
  CHECK(why(tcp("198.51.100.7", "192.0.2.5", 443)) == "WEB-1 approves tcp/443 to web1.front, not to mail");
  CHECK(why(tcp("10.50.0.9", "192.0.2.11", 445)) == "SMB would approve it, but F-SMB forbids it");
  CHECK(why(tcp("10.30.0.3", "10.20.0.11", 443)) == "-");
}

TEST_CASE("an exception lifts and approves inside its entry only") {
  RuleSet r = small_dmz();
  r.forbidden.push_back(forbid(r, "F-SMB", {"smb"}, {"office"}, {"dmz"}));
  Exception x;
  x.of = "F-SMB";
  x.rule = rule(r, "X-1", {"smb"}, {"office", "internet"}, {"web1.front"});
  x.rule.expires = day("2026-12-31");
  r.exceptions.push_back(x);
  PacketSpace space;
  Documented now(r, space, noon("2026-11-23"));
  CHECK(now.approves(tcp("10.50.0.9", "192.0.2.11", 445)));
  CHECK_FALSE(now.approves(tcp("198.51.100.7", "192.0.2.11", 445)));  // outside the entry
  CHECK_FALSE(now.approves(tcp("10.50.0.9", "192.0.2.12", 445)));
  Documented later(r, space, noon("2027-01-01"));
  CHECK_FALSE(later.approves(tcp("10.50.0.9", "192.0.2.11", 445)));
  CHECK(later.judge(tcp("10.50.0.9", "192.0.2.11", 445)).forbidden);
}
