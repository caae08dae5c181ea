#include "rules/verdict/anomalies.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "rules/acl/readers/reader.h"
#include "rules/verdict/acl_json.h"
#include "tests/rules/acl/random_device.h"

namespace demarc {
namespace {

Device read(std::string text) {
  return read_configuration(Source("edge.cfg", std::move(text)), Dialect::cisco_ios).value();
}

/// "2: shadowed by 1, otherwise", a line for each entry that is not live.
std::string findings(const Device& device) {
  std::string out;
  const DeviceReport report = find_anomalies(device);
  for (const ListReport& list : report.lists) {
    for (const EntryReport& r : list.entries) {
      if (r.status == EntryStatus::live) continue;
      const auto line = [&](const EntryRef& e) { return device.lists[e.list].entries[e.entry].line; };
      out += fmt::format("{}: {}", line(r.entry), name(r.status));
      for (std::size_t i = 0; i < r.by.size(); ++i)
        out += fmt::format("{}{}", i == 0 ? " by " : ",", line(r.by[i]));
      if (r.otherwise) out += ", otherwise";
      if (r.duplicate) out += ", duplicate";
      if (r.matches_nothing) out += ", matches nothing";
      out += '\n';
    }
    for (const EntryConflict& c : list.conflicts)
      out += fmt::format("{} and {} contradict each other in part\n",
                         device.lists[c.first.list].entries[c.first.entry].line,
                         device.lists[c.second.list].entries[c.second.entry].line);
  }
  return out;
}

TEST_CASE("lines that never decide, change nothing, or contradict others") {
  struct Row {
    const char* title;
    const char* list;
    const char* expected;
  };
  const Row rows[] = {
      {"a broad deny above a narrow permit", "deny tcp any host 192.0.2.25\npermit tcp any host 192.0.2.25 eq 25\n",
       "2: shadowed by 1, otherwise\n"},
      {"the same line twice", "permit tcp any any eq 80\npermit udp any any eq 53\npermit tcp any any eq 80\n",
       "3: shadowed by 1, duplicate\n"},
      {"several together cover it",
       "permit tcp any host 192.0.2.25 range 1 100\npermit tcp any host 192.0.2.25 range 101 65535\n"
       "deny tcp any host 192.0.2.25 eq 0\npermit tcp any host 192.0.2.25\n",
       "1: redundant by 4\n2: redundant by 4\n4: shadowed by 1,2,3, otherwise\n"},
      {"one alone is named where one is enough",
       "permit tcp any any eq 25\npermit tcp any any range 20 30\npermit tcp any any eq 25 26\n",
       "1: redundant by 2\n3: shadowed by 2\n"},
      {"the end of the list makes it superfluous", "permit tcp any any eq 80\ndeny udp any any eq 53\n",
       "2: redundant\n"},
      {"a last line that says what the end does is no mistake", "permit tcp any any eq 80\ndeny ip any any log\n",
       ""},
      {"a later line does", "permit tcp any any eq 80\npermit tcp any any\n", "1: redundant by 2\n"},
      {"an exception before its rule is fine", "deny tcp any host 192.0.2.25 eq 25\npermit tcp any any\n", ""},
      {"the order of these two decides", "deny tcp host 198.51.100.7 any\npermit tcp any any eq 80\n",
       "1 and 2 contradict each other in part\n"},
      {"of lines that take later fragments alone nothing is said where the ports are taken by another one",
       "deny tcp any any eq 80\npermit tcp host 192.0.2.1 any eq 25\npermit tcp any any eq 80\n",
       "3: shadowed by 1, otherwise\n"},
      {"what may be denied behind a line makes it needed, however few packets that are",
       "permit tcp any 192.0.0.0 0.0.255.255 eq 80\ndeny tcp any host 192.0.77.77 time-range DAY\n"
       "permit ip any any\n",
       "2: partial\n"},
      {"the same for certain",
       "permit tcp any 192.0.0.0 0.0.255.255 eq 80\ndeny tcp any host 192.0.77.77\npermit ip any any\n",
       "1 and 2 contradict each other in part\n"},
      {"and where none is", "permit tcp any 192.0.0.0 0.0.255.255 eq 80\npermit ip any any\n",
       "1: redundant by 2\n"},
      {"a time range shadows nothing for certain", "permit tcp any any time-range DAY\npermit tcp any any eq 80\n",
       "1: partial\n"},
  };
  for (const Row& row : rows) {
    INFO(std::string(row.title));
    std::string text;
    for (std::string_view rest = row.list; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1))
      text += fmt::format("access-list 110 {}\n", rest.substr(0, rest.find('\n')));
    CHECK(findings(read(std::move(text))) == std::string(row.expected));
  }
}

TEST_CASE("a called list that takes the later fragments leaves nothing of a line whose ports another one takes") {
  for (const bool takes_them : {true, false}) {
    CAPTURE(takes_them);
    Device d;
    d.lists.resize(2);
    Box ports{.family = Family::ipv4, .protocols = {Protocol::tcp}, .ports = PortSet::single(Port(80))},
        later = ports;
    ports.fragments = {Fragment::whole, Fragment::first};
    later.ports = PortSet::all(), later.fragments = kLaterFragments;
    Entry call = naive::entry(Action::jump, {{.box = later}});
    call.target = 1;
    d.lists[0].entries = {naive::entry(Action::deny, {{.box = ports}}), call,
                          naive::entry(Action::permit, {{.box = later}, {.box = ports}})};
    if (!takes_them) later.sources = AddressSet::single(Address::ipv4(0xC0000201));
    d.lists[1].entries = {naive::entry(Action::deny, {{.box = later}})};
    d.lists[1].at_end = Fallthrough::give_back;
    const EntryReport r = find_anomalies(d).lists[0].entries[2];
    CHECK(r.status == EntryStatus::shadowed);
    CHECK(r.but_later_fragments == !takes_them);
    CHECK(r.by.size() == (takes_them ? 2 : 1));
  }
}

// A small world in which every box below is told apart: two hosts and others, three protocols, three ports.
const std::vector<ConcretePacket>& universe() {
  static const std::vector<ConcretePacket> kAll = [] {
    std::vector<ConcretePacket> all;
    for (const std::uint32_t source : {0xC6336401U, 0xC6336402U, 0xC6336403U})
      for (const std::uint32_t destination : {0xC0000201U, 0xC0000202U, 0xC0000203U})
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::esp})
          for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{443}, std::uint16_t{9}}) {
            ConcretePacket p;
            p.packet = {Address::ipv4(source), Address::ipv4(destination), protocol, Port(40000), Port(port), {}};
            all.push_back(p);
          }
    return all;
  }();
  return kAll;
}
Match small_match(naive::Dice& dice) {
  Box b;
  b.family = Family::ipv4;
  if (!dice.one_in(3)) b.sources = AddressSet::single(Address::ipv4(0xC6336401U + dice.below(2)));
  if (!dice.one_in(3)) b.destinations = AddressSet::single(Address::ipv4(0xC0000201U + dice.below(2)));
  if (!dice.one_in(3)) b.protocols = {dice.one_in(2) ? Protocol::tcp : Protocol::udp};
  if (dice.one_in(2) && b.protocols != ProtocolSet::all())
    b.ports = PortSet::single(Port(dice.one_in(2) ? 80 : 443));
  return {.box = b};
}

TEST_CASE("statuses are those of a person who tries every packet of a small world, with and without each line") {
  std::map<EntryStatus, int> seen;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    Device d;
    d.lists.resize(1);
    d.lists[0].at_end = dice.one_in(2) ? Fallthrough::deny : Fallthrough::permit;
    for (unsigned n = 2 + dice.below(5); n > 0; --n)
      d.lists[0].entries.push_back(
          naive::entry(dice.one_in(2) ? Action::permit : Action::deny, {small_match(dice)}));
    const auto permitted = [&](const Device& device, const ConcretePacket& p) {
      const naive::Fates f = naive::fates(device, 0, p);
      return f.permit || (f.on && device.lists[0].at_end == Fallthrough::permit);
    };
    const DeviceReport report = find_anomalies(d);
    Device kept = d;  // what is superfluous goes, from the back to the front
    for (std::uint32_t i = static_cast<std::uint32_t>(d.lists[0].entries.size()); i-- > 0;) {
      CAPTURE(i);
      bool reached = false, matters = false;
      Device without = kept;
      without.lists[0].entries[i].inactive = true;
      for (const ConcretePacket& p : universe()) {
        bool taken = false;
        for (std::uint32_t j = 0; j < i; ++j) taken = taken || naive::matches_any(d.lists[0].entries[j].match, p);
        reached = reached || (!taken && naive::matches_any(d.lists[0].entries[i].match, p));
        matters = matters || permitted(kept, p) != permitted(without, p);
      }
      const EntryReport& r = report.lists[0].entries[i];
      const EntryStatus expected = !reached  ? EntryStatus::shadowed
                                   : matters ? EntryStatus::live
                                             : EntryStatus::redundant;
      REQUIRE(name(r.status) == name(expected));
      ++seen[r.status];
      if (expected != EntryStatus::live && !r.otherwise) kept = without;
      if (r.status != EntryStatus::shadowed) continue;
      // Those that are named really take all of it.
      for (const ConcretePacket& p : universe()) {
        if (!naive::matches_any(d.lists[0].entries[i].match, p)) continue;
        bool taken = r.by_more;
        for (const EntryRef& by : r.by) taken = taken || naive::matches_any(d.lists[0].entries[by.entry].match, p);
        REQUIRE(taken);
      }
      REQUIRE(r.sample);
      REQUIRE(naive::matches_any(d.lists[0].entries[i].match, *r.sample));
    }
    for (const ConcretePacket& p : universe()) REQUIRE(permitted(d, p) == permitted(kept, p));
  }
  CHECK(seen[EntryStatus::shadowed] > 200);
  CHECK(seen[EntryStatus::redundant] > 200);
  CHECK(seen[EntryStatus::live] > 200);
}

TEST_CASE(
    "lines that are shadowed but for later fragments, and contradictions, by a person who tries every packet") {
  // As IOS has it: a permit with ports lets later fragments by addresses alone, a denial with ports none.
  const auto router_entry = [](naive::Dice& dice) {
    Match m = small_match(dice);
    if (!dice.one_in(4))
      m.box.protocols = {Protocol::tcp}, m.box.ports = PortSet::single(Port(dice.one_in(3) ? 80 : 443));
    const bool permits = dice.one_in(2);
    std::vector<Match> matches;
    if (m.box.ports != PortSet::all()) {
      m.box.fragments = {Fragment::whole, Fragment::first};
      if (permits) {
        matches.push_back(m);
        matches.back().box.ports = PortSet::all();
        matches.back().box.fragments = kLaterFragments;
      }
    }
    matches.push_back(m);
    return naive::entry(permits ? Action::permit : Action::deny, matches);
  };
  int but_fragments = 0, gone = 0, contradictions = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    Device d;
    d.lists.resize(1);
    const List& list = d.lists[0];
    for (unsigned n = 3 + dice.below(8); n > 0; --n) d.lists[0].entries.push_back(router_entry(dice));
    const ListReport report = find_anomalies(d).lists[0];
    const auto holds = [&list](std::uint32_t i, const ConcretePacket& p) {
      return naive::matches_any(list.entries[i].match, p);
    };
    std::vector<std::pair<std::uint32_t, std::uint32_t>> expected, told;
    for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
      CAPTURE(i);
      bool in_sight = false, later = false, has_sight = false;
      for (ConcretePacket p : universe())
        for (const Fragment fragment : {Fragment::whole, Fragment::last}) {
          p.context.fragment = fragment;
          if (!holds(i, p)) continue;
          bool taken = false;
          for (std::uint32_t j = 0; j < i; ++j) taken = taken || holds(j, p);
          (fragment == Fragment::whole ? in_sight : later) |= !taken;
          has_sight = has_sight || fragment == Fragment::whole;
        }
      const EntryReport& r = report.entries[i];
      REQUIRE(has_sight);
      REQUIRE((r.status == EntryStatus::shadowed) == !in_sight);
      REQUIRE(r.but_later_fragments == (!in_sight && later));
      but_fragments += r.but_later_fragments ? 1 : 0;
      gone += !in_sight && !later ? 1 : 0;
      for (std::uint32_t j = 0; j < i; ++j) {
        const bool both_matter = report.entries[j].status == EntryStatus::live && r.status == EntryStatus::live;
        if (!both_matter || list.entries[i].action == list.entries[j].action) continue;
        bool here = false, there = false, both = false;
        for (const ConcretePacket& p : universe()) {
          both = both || (holds(i, p) && holds(j, p));
          here = here || (holds(i, p) && !holds(j, p));
          there = there || (!holds(i, p) && holds(j, p));
        }
        if (both && here && there) expected.emplace_back(j, i);
      }
      if (r.status != EntryStatus::shadowed) continue;
      REQUIRE(r.sample);
      REQUIRE(holds(i, *r.sample));
      REQUIRE((later ? r.sample->context.fragment == Fragment::whole : true));
      for (ConcretePacket p : universe())
        for (const Fragment fragment : {Fragment::whole, Fragment::last}) {
          p.context.fragment = fragment;
          if (!holds(i, p) || (later && fragment != Fragment::whole)) continue;
          REQUIRE(std::any_of(r.by.begin(), r.by.end(), [&](const EntryRef& by) { return holds(by.entry, p); }));
        }
    }
    for (const EntryConflict& c : report.conflicts) {
      told.emplace_back(c.first.entry, c.second.entry);
      REQUIRE(c.sample);
      REQUIRE(holds(c.first.entry, *c.sample));
      REQUIRE(holds(c.second.entry, *c.sample));
    }
    REQUIRE(told == expected);
    contradictions += static_cast<int>(told.size());
  }
  CHECK(but_fragments > 200);
  CHECK(gone > 200);
  CHECK(contradictions > 200);
}

TEST_CASE("a drop before a reject of the same packets is there for its answer") {
  struct Row {
    const char* title;
    const char* rules;
    const char* expected;  // for lines that are not plainly live: "2 answer 3", "2 redundant 3"
  };
  const Row rows[] = {
      {"a silent exception before a reject",
       "-A INPUT -s 198.51.100.7 -j DROP\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n",
       "4 answer 5\n5 answer end\n"},
      {"the same answer", "-A INPUT -p tcp -s 198.51.100.7 -j REJECT\n-A INPUT -p tcp -j REJECT\n",
       "4 redundant 5\n5 answer end\n"},
      {"a reset before an unreachable",
       "-A INPUT -p tcp -s 198.51.100.7 -j REJECT --reject-with tcp-reset\n"
       "-A INPUT -p tcp -j REJECT --reject-with icmp-port-unreachable\n",
       "4 answer 5\n5 answer end\n"},
      {"a reject before the policy that drops", "-A INPUT -p udp -j REJECT\n", "4 answer end\n"},
      {"a drop before the policy that drops", "-A INPUT -p udp -j DROP\n", "4 redundant end\n"},
      {"the chain that is called rejects it",
       "-A INPUT -s 198.51.100.7 -j DROP\n-A INPUT -j web\n-A web -j REJECT\n", "4 answer 5\n"},
      {"the chain that is called rejects something else",
       "-A INPUT -p tcp -s 198.51.100.7 -j DROP\n-A INPUT -j web\n-A web -p udp -j REJECT\n-A web -p tcp -j DROP\n",
       "4 redundant 5\n"},
      {"a dropped line that a drop shadows is no duplicate of the reject",
       "-A INPUT -s 198.51.100.7 -j DROP\n-A INPUT -s 198.51.100.7 -j REJECT\n-A INPUT -j ACCEPT\n",
       "5 shadowed 4\n"},
  };
  for (const Row& row : rows) {
    INFO(std::string(row.title));
    const Device d =
        read_configuration(
            Source("fw", fmt::format("*filter\n:INPUT DROP [0:0]\n:web - [0:0]\n{}COMMIT\n", row.rules)),
            Dialect::iptables)
            .value();
    std::string told;
    for (const ListReport& list : find_anomalies(d).lists)
      for (const EntryReport& r : list.entries) {
        if (!r.answer_only && r.status != EntryStatus::redundant && r.status != EntryStatus::shadowed) continue;
        CHECK_FALSE(r.duplicate);
        CHECK((!r.answer_only || r.status == EntryStatus::live));
        const auto line = [&](const EntryRef& e) { return d.lists[e.list].entries[e.entry].line; };
        told += fmt::format("{} {} {}\n", line(r.entry), r.answer_only ? "answer" : name(r.status),
                            r.by.empty() ? "end" : fmt::format("{}", line(r.by.front())));
      }
    CHECK(told == std::string(row.expected));
  }
}

TEST_CASE("an answer that alone would change is one, by a person who tries every packet of a small world") {
  constexpr Refusal kRefusals[] = {Refusal::plain, Refusal::reset, Refusal::port_unreachable};
  int answers = 0, redundant = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    Device d;
    d.lists.resize(2);  // the first calls the second
    d.lists[1].at_end = Fallthrough::give_back;
    const auto entry = [&] {
      Entry e = naive::entry(dice.one_in(4) ? Action::permit : Action::deny, {small_match(dice)});
      if (e.action == Action::deny) e.refusal = kRefusals[dice.below(3)];
      return e;
    };
    for (unsigned n = 2 + dice.below(4); n > 0; --n) d.lists[0].entries.push_back(entry());
    for (unsigned n = 1 + dice.below(3); n > 0; --n) d.lists[1].entries.push_back(entry());
    if (dice.one_in(2)) {
      Entry call = naive::entry(Action::jump, {small_match(dice)});
      call.target = 1;
      d.lists[0].entries.push_back(call);
    }
    /// 0: permitted; otherwise how it is denied.
    const auto fate = [](const Device& device, const ConcretePacket& p) {
      for (const Entry& e : device.lists[0].entries) {
        if (e.inactive || !naive::matches_any(e.match, p)) continue;
        if (e.action != Action::jump) return e.action == Action::permit ? 0 : 1 + static_cast<int>(e.refusal);
        for (const Entry& c : device.lists[1].entries)
          if (naive::matches_any(c.match, p))
            return c.action == Action::permit ? 0 : 1 + static_cast<int>(c.refusal);
      }
      return 1;  // the end denies
    };
    const DeviceReport report = find_anomalies(d);
    Device kept = d;
    for (std::uint32_t i = static_cast<std::uint32_t>(d.lists[0].entries.size()); i-- > 0;) {
      CAPTURE(i);
      const EntryReport& r = report.lists[0].entries[i];
      Device without = kept;
      without.lists[0].entries[i].inactive = true;
      bool fate_changes = false, answer_changes = false;
      for (const ConcretePacket& p : universe()) {
        const int with_it = fate(kept, p), without_it = fate(without, p);
        fate_changes = fate_changes || (with_it == 0) != (without_it == 0);
        answer_changes = answer_changes || with_it != without_it;
      }
      if (d.lists[0].entries[i].action != Action::jump && r.status != EntryStatus::shadowed) {
        REQUIRE(r.answer_only == (!fate_changes && answer_changes));
        REQUIRE((r.status == EntryStatus::redundant) == !answer_changes);
        answers += r.answer_only ? 1 : 0;
        redundant += r.status == EntryStatus::redundant ? 1 : 0;
      }
      if (r.status == EntryStatus::redundant || (r.status == EntryStatus::shadowed && !r.otherwise)) kept = without;
    }
    for (const ConcretePacket& p : universe()) REQUIRE(fate(d, p) == fate(kept, p));
  }
  CHECK(answers > 200);
  CHECK(redundant > 200);
}

TEST_CASE("where another list follows, the end of one decides nothing; what nobody wrote is no finding") {
  const std::string text =
      "ASA Version 9.16(1)\ninterface Gi0/0\n nameif outside\n security-level 0\n"
      "interface Gi0/1\n nameif inside\n security-level 0\n icmp deny any outside\n"
      "access-list IN extended deny icmp any any echo\naccess-list IN extended permit tcp any any eq 443\n"
      "access-list ALL extended permit icmp any any echo\naccess-list ALL extended deny udp any any eq 53\n"
      "access-list TUNNEL extended permit ip any host 192.0.2.1\ncrypto map M 1 match address TUNNEL\n"
      "access-group IN in interface outside\n";
  const auto asa = [](std::string t) {
    return read_configuration(Source("fw.cfg", std::move(t)), Dialect::cisco_asa).value();
  };
  CHECK(findings(asa(text)) == "9: redundant\n12: redundant\n");
  const Device both = asa(text + "access-group ALL global\n");
  CHECK(findings(both) == "12: redundant\n");  // without line 9 the global list would permit
  const DeviceReport report = find_anomalies(both);
  CHECK(report.lists[both.find_list("TUNNEL")].bound);
}

TEST_CASE("lists that nothing uses, and groups that nothing names") {
  const Device d = read(
      "interface Gi0/0\n ip access-group A in\nip access-list extended A\n permit ip any any\n"
      "ip access-list extended B\n permit ip any any\nobject-group network N\n host 192.0.2.1\n");
  const DeviceReport report = find_anomalies(d);
  CHECK(report.lists[0].bound);
  CHECK_FALSE(report.lists[1].bound);
  REQUIRE(report.unused_objects.size() == 1);
  CHECK(d.objects[report.unused_objects[0]].name == "N");
}

TEST_CASE("the schema of the answer names every dialect and every status") {
  for (const DialectReader& reader : dialect_readers())
    CHECK(acl_json_schema().find(fmt::format("\"{}\"", name(reader.dialect))) != std::string_view::npos);
  for (const EntryStatus status : {EntryStatus::live, EntryStatus::shadowed, EntryStatus::redundant,
                                   EntryStatus::unread, EntryStatus::partial})
    CHECK(acl_json_schema().find(fmt::format("\"{}\"", name(status))) != std::string_view::npos);
}

}  // namespace
}  // namespace demarc
