#include "rules/verdict/compare.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "rules/acl/meaning.h"
#include "rules/acl/readers/reader.h"
#include "tests/rules/acl/random_translations.h"

namespace demarc {
namespace {

Device read(std::string text) {
  return read_configuration(Source("edge.cfg", std::move(text)), Dialect::cisco_ios).value();
}

std::string line(const Device& device, const DecidingLine& by) {
  if (by.list == kNoList) return "nothing";
  return by.entry ? fmt::format("{}", device.lists[by.list].entries[*by.entry].line) : "end";
}
std::string told(const Device& a, const Device& b, const Comparison& c) {
  std::string out;
  for (const Difference& d : c.differences)
    out += fmt::format("{} by {} -> {} by {}: {}\n", name(d.before), line(a, d.before_by), name(d.after),
                       line(b, d.after_by), d.cover.boxes.empty() ? "" : to_string(d.cover.boxes[0]));
  return out;
}

constexpr std::string_view kEdge = "interface Gi0/0\n ip access-group IN in\nip access-list extended IN\n";

TEST_CASE("what a change opens and closes, with the lines on both sides") {
  const Device before =
      read(std::string(kEdge) + " permit tcp any host 192.0.2.10 eq 443\n permit tcp any host 192.0.2.25 eq 25\n");
  const Device after =
      read(std::string(kEdge) + " permit tcp any host 192.0.2.10 eq 443\n permit tcp any host 192.0.2.10 eq 80\n");
  const Comparison c = compare(before, after);
  CHECK(told(before, after, c) ==
        "permit by 5 -> deny by end: any > 192.0.2.25 tcp/25 fragment whole,first in 0 (IPv4)\n"
        "deny by end -> permit by 5: any > 192.0.2.10 tcp/80 fragment whole,first in 0 (IPv4)\n");
  CHECK(compare(before, before).same());
}

TEST_CASE("the order of lines does not matter where it decides nothing") {
  const Device a = read(std::string(kEdge) + " permit tcp any any eq 25\n permit tcp any any range 26 30\n");
  const Device b = read(std::string(kEdge) + " permit tcp any any range 25 30\n");
  CHECK(compare(a, b).same());
}

TEST_CASE("where a space is soon full the question is halved, and the answer is the same") {
  std::string lines[2];
  for (unsigned version = 0; version < 2; ++version)
    for (unsigned n = 0; n < 400; ++n)
      lines[version] += fmt::format(" permit tcp host 198.51.100.{} host 192.0.2.{} eq {}\n", n * 7 % 256, n * 31 % 256,
                                    20 + (n + version) % 50);
  const Device a = read(std::string(kEdge) + lines[0]), b = read(std::string(kEdge) + lines[1]);
  const CompareOptions wide{.pairs_max = 1000, .boxes_max = 100}, narrow{.pairs_max = 1000, .boxes_max = 100, .nodes_max = 20'000};
  const Comparison whole = compare(a, b, wide), parts = compare(a, b, narrow);
  REQUIRE(whole.decided);
  REQUIRE(parts.decided);
  REQUIRE(whole.differences.size() > 300);
  REQUIRE(parts.differences.size() == whole.differences.size());
  for (std::size_t i = 0; i < whole.differences.size(); ++i)
    CHECK(parts.differences[i].weight == whole.differences[i].weight);
  const SearchResult all = search(a, Fate::permit, wide), halves = search(a, Fate::permit, narrow);
  REQUIRE(halves.decided);
  REQUIRE(halves.found.size() == all.found.size());
  for (std::size_t i = 0; i < all.found.size(); ++i) CHECK(halves.found[i].weight == all.found[i].weight);
}

TEST_CASE(
    "differences are exactly the packets that the naive judge finds, each told once, by lines that decide it") {
  std::map<bool, int> seen;
  for (std::uint64_t seed = 1; seed <= 250; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Device a = naive::random_device(dice);
    Device b = a;  // nearly the same
    for (unsigned n = 1 + dice.below(3); n > 0; --n) {
      List& list = b.lists[dice.below(static_cast<unsigned>(b.lists.size()))];
      if (list.entries.empty() || dice.one_in(3))
        list.entries.insert(
            list.entries.begin() +
                (list.entries.empty() ? 0 : dice.below(static_cast<unsigned>(list.entries.size()))),
            naive::entry(dice.one_in(2) ? Action::permit : Action::deny, {Match{.box = dice.box()}}));
      else
        list.entries.erase(list.entries.begin() + dice.below(static_cast<unsigned>(list.entries.size())));
    }
    const Comparison c = compare(a, b, {.before_list = 0, .after_list = 0, .boxes_max = 4000});
    REQUIRE(c.decided);
    REQUIRE(c.left_out.is_zero());
    PacketSpace space;
    PacketSet told = space.empty();
    for (const Difference& d : c.differences) {
      REQUIRE(d.cover.complete());
      const PacketSet share = space.of(std::span<const Box>(d.cover.boxes));
      REQUIRE_FALSE(told.overlaps(share));
      REQUIRE(share.contains(d.sample));
      REQUIRE(share.count() == d.weight);
      told |= share;
    }
    const auto fate = [](const Device& d, const ConcretePacket& p) {
      naive::Fates f = naive::fates(d, 0, p);
      if (f.on) (d.lists[0].at_end == Fallthrough::deny ? f.deny : f.permit) = true;
      return f.permit && f.deny ? Fate::undetermined : f.permit ? Fate::permit : Fate::deny;
    };
    for (const Difference& d : c.differences) {
      REQUIRE(name(d.before) == name(fate(a, d.sample)));
      REQUIRE(name(d.after) == name(fate(b, d.sample)));
    }
    for (int n = 0; n < 60; ++n) {
      const ConcretePacket p = naive::packet_near_list(dice, dice.one_in(2) ? a.lists[0] : b.lists[0]);
      const bool differs = fate(a, p) != fate(b, p);
      REQUIRE(told.contains(p) == differs);
      ++seen[differs];
    }
  }
  CHECK(seen[true] > 200);
  CHECK(seen[false] > 200);
}

Fate fate_on_the_way(const Device& d, const ConcretePacket& p) {
  const naive::Fates f = naive::fates_on_the_way(d, p);
  return f.permit && f.deny ? Fate::undetermined : f.permit ? Fate::permit : Fate::deny;
}

TEST_CASE("where devices translate, differences and finds are of packets as they come in") {
  std::map<bool, int> seen;
  std::map<std::string_view, int> fates;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Device a = naive::random_translating_device(dice);
    Device b = a;
    List& list = b.lists[a.stages[0].lists[0]];
    switch (dice.below(4)) {
      case 0: b.nats.erase(b.nats.begin()); break;
      case 1: b.stages.back().real_destination = !b.stages.back().real_destination; break;
      default:
        list.entries.insert(list.entries.begin(), naive::entry(dice.one_in(2) ? Action::permit : Action::deny,
                                                               {Match{.box = naive::few_boxes(dice)}}));
    }
    Box within;
    within.family = Family::ipv4;
    within.protocols = {Protocol::tcp};
    within.ports = within.source_ports = PortSet::of({PortRange::single(Port(80)), PortRange::single(Port(443))});
    within.flags = {tcp_flag::syn};
    within.fragments = {Fragment::whole};
    within.sources = within.destinations = AddressSet();
    for (const Address& one : naive::all_few_addresses())
      within.sources = within.sources.unite(AddressSet::single(one));
    within.destinations = within.sources;
    const Comparison c = compare(a, b, {.within = within, .boxes_max = 100'000});
    REQUIRE(c.decided);
    REQUIRE(c.left_out.is_zero());
    PacketSpace space;
    PacketSet told = space.empty();
    for (const Difference& d : c.differences) {
      REQUIRE(d.cover.complete());
      const PacketSet share = space.of(std::span<const Box>(d.cover.boxes));
      REQUIRE_FALSE(told.overlaps(share));
      told |= share;
      REQUIRE(name(d.before) == name(fate_on_the_way(a, d.sample)));
      REQUIRE(name(d.after) == name(fate_on_the_way(b, d.sample)));
    }
    std::map<Fate, PacketSet> found;
    for (const Fate fate : {Fate::permit, Fate::deny, Fate::undetermined}) {
      const SearchResult r = search(a, fate, {.within = within, .boxes_max = 100'000});
      REQUIRE(r.decided);
      REQUIRE(r.left_out.is_zero());
      found.emplace(fate, space.empty());
      for (const Found& f : r.found) {
        REQUIRE(f.cover.complete());
        found.at(fate) |= space.of(std::span<const Box>(f.cover.boxes));
      }
    }
    for (int n = 0; n < 60; ++n) {
      ConcretePacket p = naive::few_packets(dice);
      p.packet.protocol = Protocol::tcp;
      p.context.flags = tcp_flag::syn, p.context.fragment = Fragment::whole;
      const Fate fate = fate_on_the_way(a, p);
      const bool differs = fate != fate_on_the_way(b, p);
      REQUIRE(told.contains(p) == differs);
      for (const auto& [which, packets] : found) REQUIRE(packets.contains(p) == (which == fate));
      ++seen[differs], ++fates[name(fate)];
    }
  }
  CHECK(seen[true] > 200);
  CHECK(seen[false] > 200);
  for (const char* fate : {"permit", "deny", "undetermined"}) CHECK(fates[fate] > 200);
}

TEST_CASE("search and comparison ask each list about the addresses that it sees") {
  const auto config = [](std::string_view server) {
    return read(
        fmt::format("ip nat inside source static tcp {} 8443 203.0.113.80 443\n"
                    "interface Gi0/0\n ip address 203.0.113.1 255.255.255.0\n ip access-group IN in\n"
                    " ip nat outside\n"
                    "interface Gi0/1\n ip address 192.0.2.1 255.255.255.0\n ip access-group SERVERS out\n"
                    " ip nat inside\n"
                    "ip access-list extended IN\n permit tcp any host 203.0.113.80 eq 443\n"
                    "ip access-list extended SERVERS\n permit tcp any host 192.0.2.10 eq 8443\n",
                    server));
  };
  const Device web1 = config("192.0.2.10"), web2 = config("192.0.2.11");
  Box inward;
  inward.family = Family::ipv4;
  inward.protocols = {Protocol::tcp};
  inward.fragments = {Fragment::whole};
  inward.ingress = {0}, inward.egress = {1};
  const SearchResult found = search(web1, Fate::permit, {.within = inward});
  REQUIRE(found.found.size() == 1);
  CHECK(line(web1, found.found[0].by) == "13");
  REQUIRE(found.found[0].cover.boxes.size() == 1);
  CHECK(to_string(found.found[0].cover.boxes[0]) == "any > 203.0.113.80 tcp/443 fragment whole in 0 out 1 (IPv4)");
  CHECK(search(web2, Fate::permit, {.within = inward}).found.empty());
  CHECK(told(web1, web2, compare(web1, web2, {.within = inward})) ==
        "permit by 13 -> deny by end: any > 203.0.113.80 tcp/443 fragment whole in 0 out 1 (IPv4)\n");
}

TEST_CASE("search finds what is permitted of a set, by line") {
  const Device d =
      read(std::string(kEdge) + " deny tcp any host 192.0.2.25\n permit tcp any 192.0.2.0 0.0.0.63 eq 25\n");
  Box mail;
  mail.family = Family::ipv4;
  mail.protocols = {Protocol::tcp};
  mail.ports = PortSet::single(Port(25));
  mail.fragments = {Fragment::whole};
  mail.ingress = {0};
  const SearchResult r = search(d, Fate::permit, {.within = mail});
  REQUIRE(r.found.size() == 1);
  CHECK(line(d, r.found[0].by) == "5");
  CHECK(r.undetermined.is_zero());
  PacketSpace space;
  const PacketSet found = space.of(std::span<const Box>(r.found[0].cover.boxes));
  ConcretePacket p;
  p.packet = {Address::ipv4(1), Address::ipv4(0xC0000219), Protocol::tcp, Port(40000), Port(25), {}};
  CHECK_FALSE(found.contains(p));
  p.packet.destination = Address::ipv4(0xC000021A);
  CHECK(found.contains(p));
}

}  // namespace
}  // namespace demarc
