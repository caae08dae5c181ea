#include "rules/verdict/suggest.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rules/acl/readers/reader.h"
#include "rules/verdict/suggest_router.h"
#include "rules/verdict/suggest_text.h"
#include "tests/rules/acl/naive_device.h"
#include "tests/rules/policy/world.h"

namespace demarc {
namespace {

const Timestamp kNow = world::noon("2026-11-23");

/// small_dmz() with the router fw between the internet and the dmz, and these rules.
RuleSet rules_with(std::vector<Rule> rules, std::vector<ForbiddenEntry> forbidden = {}) {
  RuleSet r = world::small_dmz();
  r.devices[0].dialect = "";
  Path path;
  path.from = "internet", path.to = "dmz", path.via = {{"fw"}};
  r.paths = {path};
  r.rules = std::move(rules);
  r.forbidden = std::move(forbidden);
  r.reindex();
  return r;
}
Rule rule(std::string id, std::vector<std::string> services, std::vector<std::string> from,
          std::vector<std::string> to) {
  return world::rule(world::small_dmz(), std::move(id), std::move(services), std::move(from), std::move(to));
}

std::string router(std::string_view in, std::string_view out = "") {
  std::string text =
      "hostname fw\ninterface Gi0/0\n ip address 203.0.113.1 255.255.255.0\n ip access-group IN in\n";
  if (!out.empty()) text += " ip access-group OUT out\n";
  text += fmt::format("interface Gi0/1\n ip address 192.0.2.1 255.255.255.240\nip access-list extended IN\n{}", in);
  if (!out.empty()) text += fmt::format("ip access-list extended OUT\n{}", out);
  return text + "end\n";
}

/// One device with its suggestions.
struct Bench {
  RuleSet rules;
  Source source;
  std::shared_ptr<const Device> device;
  Binding binding;
  Suggester suggester;
  std::vector<ListSuggestion> suggestions;

  Bench(RuleSet r, std::string text, std::optional<Dialect> dialect = {})
      : rules(std::move(r)),
        source("fw.cfg", std::move(text)),
        device(std::make_shared<const Device>(read_configuration(source, dialect).value())),
        suggester(rules, kNow) {
    const GivenConfiguration given{device, "fw", ""};
    binding = demarc::bind_devices(rules, std::span(&given, 1));
    device = binding.devices.at(0).device;
    REQUIRE(device != nullptr);
    suggestions = suggester.suggest(binding, 0);
  }
  const ListSuggestion& of(std::string_view list) const {
    for (const ListSuggestion& s : suggestions)
      if (device->lists[s.list].name == list) return s;
    FAIL("no suggestion for ", std::string(list));
    return suggestions.front();
  }
  /// The edits, after they were read back and found right.
  std::string edits(std::string_view list) {
    const ListSuggestion& s = of(list);
    if (!s.not_editable.empty()) return s.not_editable;
    const SuggestedText text = edits_in_words(*device, source, s);
    if (!text.problem.empty()) return text.problem;
    if (!s.edits.empty()) {
      const Result<PatchedBack> back = patch_and_judge(suggester, *device, source, suggestions, s);
      REQUIRE_MESSAGE(back.has_value(), (back ? std::string() : back.error().what));
      CAPTURE(back->text);
      if (back->judgement.sample)
        INFO("sample ", to_string(back->judgement.sample->packet), " blocked ", back->judgement.blocked);
      CHECK(back->judgement.exact);
    }
    std::string out;
    for (const EditText& e : text.edits) {
      for (const std::string& line : e.out) out += "-" + line + '\n';
      for (const std::string& line : e.in) out += "+" + line + '\n';
    }
    return out;
  }
};

TEST_CASE("IOS: the smallest edits that make a list equal to the rule set") {
  const std::vector<Rule> web{rule("WEB-1", {"https"}, {"internet"}, {"web1.front"}),
                              rule("MAIL-1", {"smtp"}, {"internet"}, {"mail"})};
  struct Row {
    const char *title, *list, *edits;
  };
  const Row rows[] = {
      {"nothing approves a line: it goes",
       " 10 permit tcp any host 192.0.2.12 eq 22\n"
       " 20 permit tcp 198.51.100.0 0.0.0.255 host 192.0.2.11 eq 443\n",
       "- no 10\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.title);
    Bench bench(rules_with(web), router(row.list));
    CHECK(bench.edits("IN").substr(0, std::string_view(row.edits).size()) == row.edits);
  }
}

TEST_CASE("NX-OS, XR and EOS: edits in their words, read back by their readers") {
  constexpr std::string_view kLines =
      " 10 permit tcp any host 192.0.2.12 eq 22\n 20 permit tcp any 192.0.2.0 0.0.0.15 range 80 443\n";
  struct Row {
    Dialect dialect;
    std::string text;
  };
  const Row rows[] = {
      {Dialect::cisco_nxos,
       fmt::format("!Command: show running-config\nversion 9.3(5)\nhostname fw\nip access-list IN\n{}"
                   "interface Ethernet1/1\n  ip address 203.0.113.1/24\n  ip access-group IN in\n  no shutdown\n"
                   "interface Ethernet1/2\n  ip address 192.0.2.1/28\n  no shutdown\n",
                   kLines)},
      {Dialect::cisco_xr, fmt::format("!! IOS XR Configuration 7.3.2\nhostname fw\nipv4 access-list IN\n{}!\n"
                                      "interface GigabitEthernet0/0/0/0\n ipv4 address 203.0.113.1 255.255.255.0\n"
                                      " ipv4 access-group IN ingress\n!\ninterface GigabitEthernet0/0/0/1\n"
                                      " ipv4 address 192.0.2.1 255.255.255.240\n!\nend\n",
                                      kLines)},
      {Dialect::arista_eos,
       fmt::format(
           "! device: fw (DCS-7050SX3, EOS-4.28.3M)\nhostname fw\nip access-list IN\n{}!\n"
           "interface Ethernet1\n   no switchport\n   ip address 203.0.113.1/24\n   ip access-group IN in\n!\n"
           "interface Ethernet2\n   no switchport\n   ip address 192.0.2.1/28\n!\nend\n",
           kLines)},
  };
  for (const Row& row : rows) {
    CAPTURE(name(row.dialect));
    Bench bench(rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})}), row.text, row.dialect);
    const std::string edits = bench.edits("IN");
    CHECK(edits.substr(0, 18) == "- no 10\n- no 20\n+ ");
    CHECK(edits.find("permit tcp any host 192.0.2.11 eq 443\n") != std::string::npos);
  }
}

TEST_CASE("entries are numbered anew in each router's words") {
  List list;
  list.name = "IN";
  list.family = Family::ipv4;
  const auto command = [&](Dialect dialect) { return resequence_command(dialect, list, 300).value_or("none"); };
  CHECK(command(Dialect::cisco_ios) == "ip access-list resequence IN 300 300\nip access-list extended IN");
  CHECK(command(Dialect::cisco_nxos) == "resequence ip access-list IN 300 300\nip access-list IN");
  CHECK(command(Dialect::cisco_xr) == "do resequence access-list ipv4 IN 300 300\nipv4 access-list IN");
  CHECK(command(Dialect::arista_eos) == "ip access-list IN\n resequence 300 300");
  list.family = Family::ipv6;
  CHECK(command(Dialect::cisco_ios) == "none");
  CHECK(command(Dialect::cisco_xr) == "do resequence access-list ipv6 IN 300 300\nipv6 access-list IN");
}

TEST_CASE("reasons name the rule that is near, the rule that needs it, the entry that forbids it") {
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})},
                                   {world::forbid(world::small_dmz(), "F-SMB", {"smb"}, {"internet"}, {"dmz"})});
  Bench bench(rules, router(" permit tcp any host 192.0.2.11 range 80 443\n permit tcp any any eq 445\n"));
  const ListSuggestion& s = bench.of("IN");
  REQUIRE(s.edits.size() >= 2);
  CHECK(s.edits[0].kind == ListEdit::Kind::narrow);
  CHECK(s.edits[0].reason.find("WEB-1 needs part of it") != std::string::npos);
  REQUIRE(s.edits[0].sample.has_value());
  CHECK(s.edits[1].kind == ListEdit::Kind::remove);
  bench.edits("IN");
}

TEST_CASE("a list that says what is documented is left alone, however it says it") {
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"198.51.100.0/24"}, {"web1.front"})});
  Bench bench(
      rules,
      router(" permit tcp 198.51.100.0 0.0.0.127 host 192.0.2.11 eq 443\n deny tcp any any eq 445\n"
             " permit tcp 198.51.100.128 0.0.0.127 host 192.0.2.11 eq 443\n"
             " permit icmp any host 192.0.2.11 unreachable\n permit icmp any host 192.0.2.11 time-exceeded\n"));
  bench.edits("IN");
}

TEST_CASE("a line that nobody understands cannot be brought into agreement; the list from nothing can") {
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  Bench bench(rules, router(" permit tcp any host 192.0.2.11 eq 443\n permit quux any any\n"));
  const ListSuggestion& s = bench.of("IN");
  CHECK(s.edits.empty());
  CHECK(s.not_editable.find("line 9 is not understood") != std::string::npos);
  const Written written = write_cisco_ios(s.full);
  CHECK(judge_written(bench.suggester, s.wish, Dialect::cisco_ios, Way::through, written)->exact);
}

bool crosses(const RuleSet& rules, const ConcretePacket& p, bool inward) {
  const auto in = [&](const char* zone, const Address& a) { return rules.zone(zone)->addresses.contains(a); };
  return in(inward ? "internet" : "dmz", p.packet.source) && in(inward ? "dmz" : "internet", p.packet.destination);
}

/// What the rule set says of a packet that crosses from zone to zone, by looking at its rules one by one.
bool is_documented(const Documented& d, const RuleSet& rules, const ConcretePacket& p, bool stateless) {
  if (d.approves(p.packet)) return true;
  if (!stateless) return false;
  for (std::uint32_t r = 0; r < rules.rules.size(); ++r)
    if (d.state(r).in_force() && d.reply_set(r).contains(p)) return true;
  return false;
}

std::vector<Rule> random_rules(naive::Dice& dice, const RuleSet& world) {
  const char* const kServices[] = {"https", "http", "smtp", "wide", "dns", "ping", "esp", "mssql"};
  const char* const kOutside[] = {"internet", "198.51.100.0/24", "203.0.113.64/26", "198.51.100.7/32"};
  const char* const kInside[] = {"dmz", "web1.front", "web2.front", "mail"};
  std::vector<Rule> out;
  for (unsigned n = 1 + dice.below(5); n > 0; --n) {
    std::vector<std::string> services{kServices[dice.below(8)]};
    if (dice.one_in(3)) services.push_back(kServices[dice.below(8)]);
    std::string a = kOutside[dice.below(4)], b = kInside[dice.below(4)];
    if (dice.one_in(3)) std::swap(a, b);
    out.push_back(world::rule(world, fmt::format("R-{}", n), services, {a}, {b}));
  }
  return out;
}

std::string random_lines(naive::Dice& dice) {
  const char* const kPlaces[] = {"any",
                                 "host 192.0.2.11",
                                 "host 192.0.2.12",
                                 "host 192.0.2.5",
                                 "192.0.2.0 0.0.0.15",
                                 "198.51.100.0 0.0.0.255",
                                 "198.51.100.0 0.0.0.31",
                                 "203.0.113.0 0.0.0.255"};
  const char* const kPorts[] = {"", " eq 443", " eq 80", " range 1024 5000", " eq 25", " gt 1023", " eq 53"};
  std::string out;
  for (unsigned n = dice.below(9); n > 0; --n) {
    const char* action = dice.one_in(3) ? "deny" : "permit";
    switch (dice.below(5)) {
      case 0: out += fmt::format(" {} ip {} {}\n", action, kPlaces[dice.below(8)], kPlaces[dice.below(8)]); break;
      case 1: out += fmt::format(" {} icmp {} {}\n", action, kPlaces[dice.below(8)], kPlaces[dice.below(8)]); break;
      case 2:
        out += fmt::format(" {} tcp {} {} established\n", action, kPlaces[dice.below(8)], kPlaces[dice.below(8)]);
        break;
      default:
        out +=
            fmt::format(" {} {} {}{} {}{}\n", action, dice.one_in(3) ? "udp" : "tcp", kPlaces[dice.below(8)],
                        dice.one_in(4) ? kPorts[dice.below(7)] : "", kPlaces[dice.below(8)], kPorts[dice.below(7)]);
    }
  }
  return out;
}

ConcretePacket random_crossing(naive::Dice& dice, const RuleSet& rules) {
  const auto some = [&](const char* zone) {
    const AddressSet& set = rules.zone(zone)->addresses;
    const AddressRange& r = set.ranges()[dice.below(static_cast<unsigned>(set.ranges().size()))];
    if (dice.one_in(2)) return r.first;
    return Address::of(r.first.family(), r.first.number() + dice.below(16));
  };
  const char* const kHosts[] = {"192.0.2.11", "192.0.2.12", "192.0.2.5", "198.51.100.7", "203.0.113.70"};
  ConcretePacket p = dice.packet();
  const bool inward = dice.one_in(2);
  do {
    p.packet.source = dice.one_in(2) ? world::ip(kHosts[dice.below(5)]) : some(inward ? "internet" : "dmz");
    p.packet.destination = dice.one_in(2) ? world::ip(kHosts[dice.below(5)]) : some(inward ? "dmz" : "internet");
  } while (p.packet.source.family() != p.packet.destination.family());
  const std::uint16_t kSome[] = {443, 80, 25, 53, 1433, 1024, 3000, 5000, 5001, 22};
  if (!dice.one_in(4)) p.packet.port = Port(kSome[dice.below(10)]);
  if (dice.one_in(2)) p.packet.source_port = Port(kSome[dice.below(10)]);
  if (dice.one_in(3))
    p.packet.icmp = {static_cast<std::uint8_t>(dice.one_in(2) ? 8 : dice.below(13)), std::uint8_t{0}};
  p.context.fragment = Fragment::whole;
  return p;
}

TEST_CASE("IOS: random lists become equal to random rule sets, packet by packet") {
  std::size_t permitted = 0, edited = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    RuleSet rules = rules_with({});
    rules.rules = random_rules(dice, rules);
    if (dice.one_in(3))
      rules.forbidden = {world::forbid(rules, "F-1", {"http", "smtp"}, {"198.51.100.0/24"}, {"dmz"})};
    rules.reindex();
    const std::string in = random_lines(dice), out = random_lines(dice);
    Bench bench(rules, router(in.empty() ? " deny ip any any\n" : in, out.empty() ? " deny ip any any\n" : out));
    for (const char* name : {"IN", "OUT"}) {
      const ListSuggestion& s = bench.of(name);
      REQUIRE(s.not_editable.empty());
      if (s.edits.empty()) continue;
      ++edited;
      const SuggestedText text = edits_in_words(*bench.device, bench.source, s);
      REQUIRE_MESSAGE(text.problem.empty(), text.problem);
      CAPTURE(text.patched);
      const Result<PatchedBack> back =
          patch_and_judge(bench.suggester, *bench.device, bench.source, bench.suggestions, s);
      REQUIRE(back.has_value());
      const Suggester::Judgement& judged = back->judgement;
      if (!judged.exact)
        FAIL(to_string(judged.sample->packet), " flags ", int(judged.sample->context.flags), " fragment ",
             int(judged.sample->context.fragment), " blocked ", judged.blocked);
      // And by following the lines, against the rules one by one.
      const Device after = read_configuration(Source("fw.cfg", text.patched)).value();
      const ListIndex list = after.find_list(name);
      for (int n = 0; n < 60; ++n) {
        const ConcretePacket p = random_crossing(dice, rules);
        const AddressSet& own = bench.binding.devices[0].own;  // other lists, or none, see the router's own packets
        if (!p.packet.source.is_ipv4() || own.contains(p.packet.source) || own.contains(p.packet.destination))
          continue;
        // Packets that cross no declared path here are judged by nobody.
        if (!crosses(rules, p, std::string_view(name) == "IN")) continue;
        INFO(to_string(p.packet), " from port ", p.packet.source_port.number(), " flags ", int(p.context.flags));
        const bool wanted = is_documented(bench.suggester.documented(), rules, p, true);
        const std::uint8_t type = p.packet.icmp.type;
        const bool error = p.packet.protocol == Protocol::icmp && (type == 3 || type == 11 || type == 12);
        if (error && !wanted) continue;  // it opens nothing, and may pass
        REQUIRE(naive::fates(after, list, p).permit == wanted);
        permitted += wanted ? 1 : 0;
      }
      // The list from nothing as well.
      const Written written = write_cisco_ios(s.full);
      REQUIRE(written.complete());
      REQUIRE(judge_written(bench.suggester, s.wish, Dialect::cisco_ios, Way::through, written)->exact);
    }
  }
  CHECK(edited > 60);
  CHECK(permitted > 60);
}

// --- Junos ---

std::string random_terms(naive::Dice& dice, std::string_view filter) {
  const char* const kPlaces[] = {"",
                                 "192.0.2.11/32",
                                 "192.0.2.12/32",
                                 "192.0.2.5/32",
                                 "192.0.2.0/28",
                                 "198.51.100.0/24",
                                 "198.51.100.0/27",
                                 "203.0.113.0/24"};
  const char* const kPorts[] = {"", "443", "80", "1024-5000", "25", "1024-65535", "53"};
  std::string out;
  for (unsigned n = 1 + dice.below(8); n > 0; --n) {
    const std::string term = fmt::format("set firewall family inet filter {} term t{} ", filter, n);
    for (const char* end : {"source", "destination"})
      if (const std::string_view place = kPlaces[dice.below(8)]; !place.empty())
        out += fmt::format("{}from {}-address {}\n", term, end, place);
    const unsigned kind = dice.below(5);
    if (kind == 1) out += term + "from protocol icmp\n";
    if (kind > 1) out += fmt::format("{}from protocol {}\n", term, kind == 2 || !dice.one_in(3) ? "tcp" : "udp");
    if (kind == 2) out += term + "from tcp-established\n";
    if (kind > 2)
      for (const char* end : {"source", "destination"})
        if (const std::string_view port = kPorts[dice.below(7)]; !port.empty() && dice.one_in(2))
          out += fmt::format("{}from {}-port {}\n", term, end, port);
    out += fmt::format("{}then {}\n", term, dice.one_in(3) ? "discard" : "accept");
  }
  return out;
}

std::string junos(std::string_view terms) {
  return fmt::format(
      "set version 21.4R3\nset system host-name fw\n"
      "set interfaces ge-0/0/0 unit 0 family inet address 203.0.113.1/24\n"
      "set interfaces ge-0/0/0 unit 0 family inet filter input IN\n"
      "set interfaces ge-0/0/0 unit 0 family inet filter output OUT\n"
      "set interfaces ge-0/0/1 unit 0 family inet address 192.0.2.1/28\n{}",
      terms);
}

TEST_CASE("Junos: terms are deleted, set and moved to their place, in either notation") {
  const std::vector<Rule> web{rule("WEB-1", {"https"}, {"198.51.100.0/24"}, {"web1.front"})};
  constexpr std::string_view kEdits =
      "-delete firewall family inet filter IN term old\n"
      "-delete firewall family inet filter IN term shop\n"
      "+set firewall family inet filter IN term WEB-1-https from source-address 198.51.100.0/24\n"
      "+set firewall family inet filter IN term WEB-1-https from destination-address 192.0.2.11/32\n"
      "+set firewall family inet filter IN term WEB-1-https from protocol tcp\n"
      "+set firewall family inet filter IN term WEB-1-https from destination-port 443\n"
      "+set firewall family inet filter IN term WEB-1-https then accept\n"
      "+insert firewall family inet filter IN term WEB-1-https before term errors\n";
  Bench set(rules_with(web),
            junos("set firewall family inet filter IN term old from protocol udp\n"
                  "set firewall family inet filter IN term old then accept\n"
                  "set firewall family inet filter IN term shop from destination-address 192.0.2.0/28\n"
                  "set firewall family inet filter IN term shop from protocol tcp\n"
                  "set firewall family inet filter IN term shop then accept\n"
                  "set firewall family inet filter IN term errors from destination-address 192.0.2.11/32\n"
                  "set firewall family inet filter IN term errors from protocol icmp\n"
                  "set firewall family inet filter IN term errors from icmp-type [ 3 11 12 ]\n"
                  "set firewall family inet filter IN term errors then accept\n"),
            Dialect::junos);
  CHECK(set.edits("IN").starts_with(kEdits));
  Bench braces(rules_with(web),
               "version 21.4R3;\nsystem { host-name fw; }\ninterfaces {\n ge-0/0/0 { unit 0 { family inet {\n"
               "  address 203.0.113.1/24;\n  filter { input IN; }\n } } }\n"
               " ge-0/0/1 { unit 0 { family inet { address 192.0.2.1/28; } } }\n}\n"
               "firewall { family inet { filter IN {\n"
               " term old { from { protocol udp; } then accept; }\n"
               " term shop { from { destination-address { 192.0.2.0/28; } protocol tcp; } then accept; }\n"
               " term errors {\n  from { destination-address { 192.0.2.11/32; } protocol icmp;\n"
               "         icmp-type [ 3 11 12 ]; }\n  then accept;\n }\n} } }\n",
               Dialect::junos);
  CHECK(braces.edits("IN") == set.edits("IN"));
}

TEST_CASE("Junos: random filters become equal to random rule sets") {
  std::size_t edited = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    RuleSet rules = rules_with({});
    rules.rules = random_rules(dice, rules);
    rules.reindex();
    Bench bench(rules, junos(random_terms(dice, "IN") + random_terms(dice, "OUT")), Dialect::junos);
    for (const char* name : {"IN", "OUT"}) {
      const ListSuggestion& s = bench.of(name);
      REQUIRE(s.not_editable.empty());
      edited += s.edits.empty() ? 0 : 1;
      const std::string edits = bench.edits(name);
      CHECK(s.edits.empty() == edits.empty());
      CHECK((edits.empty() || edits.find("firewall family inet filter") != std::string::npos));
    }
  }
  CHECK(edited > 60);
}

// --- Dialects of firewalls ---

bool is_written_by_hand(const List& list) {
  return std::any_of(list.entries.begin(), list.entries.end(), [](const Entry& e) { return e.line != 0; });
}

IntendedList random_list(naive::Dice& dice) {
  const char* const kPlaces[] = {"0.0.0.0/0",    "192.0.2.11/32",   "192.0.2.12/32",   "192.0.2.5/32",
                                 "192.0.2.0/28", "198.51.100.0/24", "198.51.100.0/27", "203.0.113.0/24"};
  const PortRange kPorts[] = {{Port(443), Port(443)}, {Port(80), Port(80)}, {Port(1024), Port(5000)},
                              {Port(25), Port(25)},   {Port(53), Port(53)}, {Port(0), Port(65535)}};
  IntendedList list;
  list.name = "IN";
  list.family = Family::ipv4;
  for (unsigned n = 1 + dice.below(7); n > 0; --n) {
    IntendedEntry e;
    e.action = dice.one_in(3) ? Action::deny : Action::permit;
    Box box{.family = Family::ipv4};
    box.sources = AddressSet{world::net(kPlaces[dice.below(8)])};
    box.destinations = AddressSet{world::net(kPlaces[dice.below(8)])};
    switch (dice.below(4)) {
      case 0: break;
      case 1: box.protocols = {Protocol::icmp}; break;
      default:
        box.protocols = {dice.one_in(3) ? Protocol::udp : Protocol::tcp};
        box.ports = PortSet{kPorts[dice.below(6)]};
        if (dice.one_in(5)) box.source_ports = PortSet{kPorts[dice.below(6)]};
    }
    e.match.push_back({.box = std::move(box)});
    list.entries.push_back(std::move(e));
  }
  return list;
}

/// A device of the dialect with the list between the internet and the dmz.
std::string firewall(Dialect dialect, const IntendedList& list, bool by_state) {
  std::string text = find_writer(dialect)->write(list).texts.front().text;
  const auto before = [&](std::string_view at, std::string_view what) {
    if (by_state) text.insert(text.find(at), what);
  };
  if (dialect == Dialect::cisco_asa)
    return "ASA Version 9.16(4)\nhostname fw\ninterface GigabitEthernet0/0\n nameif outside\n security-level 0\n"
           " ip address 203.0.113.1 255.255.255.0\ninterface GigabitEthernet0/1\n nameif dmz\n"
           " security-level 50\n ip address 192.0.2.1 255.255.255.240\n" +
           text + "access-group IN in interface outside\n";
  if (dialect == Dialect::iptables)
    before("-A FORWARD", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n");
  else
    text.insert(text.find("policy drop;\n") + 13, by_state ? "\t\tct state established,related accept\n" : "");
  return text;
}

TEST_CASE("firewalls: random lists become equal to random rule sets, with state and without") {
  for (const Dialect dialect : {Dialect::cisco_asa, Dialect::iptables, Dialect::nftables}) {
    CAPTURE(std::string(name(dialect)));
    std::size_t edited = 0;
    for (std::uint64_t seed = 1; seed <= 80; ++seed) {
      CAPTURE(seed);
      naive::Dice dice(seed);
      RuleSet rules = rules_with({});
      rules.rules = random_rules(dice, rules);
      rules.reindex();
      Bench bench(rules, firewall(dialect, random_list(dice), seed % 4 != 0), dialect);
      for (const ListSuggestion& s : bench.suggestions) {
        const std::string& list = bench.device->lists[s.list].name;
        if (!is_written_by_hand(bench.device->lists[s.list])) continue;
        CAPTURE(list);
        REQUIRE_MESSAGE(s.not_editable.empty(), s.not_editable);
        const std::string edits = bench.edits(list);
        CAPTURE(edits);
        CHECK(edits.empty() == s.edits.empty());
        CHECK((edits.empty() || edits.starts_with("-") || edits.starts_with("+")));  // otherwise: a problem
        edited += s.edits.empty() ? 0 : 1;
      }
    }
    CHECK(edited > 50);
  }
}

// --- Lists that are asked together ---

TEST_CASE("nftables: of several base chains on a hook, one decides, and the others stop nothing documented") {
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  const auto text = [](std::string_view guard) {
    return fmt::format(
        "table ip early {{\n chain guard {{\n  type filter hook forward priority -10; policy accept;\n{} }}\n}}\n"
        "table ip fw {{\n chain forward {{\n  type filter hook forward priority filter; policy drop;\n"
        "  ct state established,related accept\n  ip daddr 192.0.2.11 tcp dport 443 accept\n"
        "  ip daddr 192.0.2.12 tcp dport 22 accept\n }}\n}}\n",
        guard);
  };
  Bench quiet(rules, text("  udp dport 445 drop\n"), Dialect::nftables);
  REQUIRE(quiet.of("ip early guard").decider != kNoList);
  CHECK(quiet.device->lists[quiet.of("ip early guard").decider].name == "ip fw forward");
  CHECK(quiet.edits("ip early guard") == "");
  CHECK(quiet.of("ip fw forward").decider == kNoList);
  CHECK(quiet.edits("ip fw forward") == "-  ip daddr 192.0.2.12 tcp dport 22 accept\n");
  Bench strict(rules, text("  ip saddr 198.51.100.66 ct state new drop\n"), Dialect::nftables);
  const std::string edits = strict.edits("ip early guard");
  CAPTURE(edits);
  CHECK(edits.starts_with("+  "));
  CHECK(edits.find("tcp dport 443 accept") != std::string::npos);
  CHECK(edits.find("drop") == std::string::npos);
}

TEST_CASE("Junos: filters that are chained are edited as one, each in its own words") {
  const auto chained = [](std::string_view terms) {
    std::string text = junos(terms);
    const std::string_view one = "filter input IN\n";
    return text.replace(text.find(one), one.size(), "filter input-list [ FIRST IN ]\n");
  };
  Bench bench(rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"}),
                          rule("MAIL-1", {"smtp"}, {"198.51.100.0/24"}, {"mail"})}),
              chained("set firewall family inet filter FIRST term old from protocol udp\n"
                      "set firewall family inet filter FIRST term old then accept\n"
                      "set firewall family inet filter IN term web from destination-address 192.0.2.11/32\n"
                      "set firewall family inet filter IN term web from protocol tcp\n"
                      "set firewall family inet filter IN term web from destination-port 443\n"
                      "set firewall family inet filter IN term web then accept\n"),
              Dialect::junos);
  CHECK(bench.edits("FIRST") == "-delete firewall family inet filter FIRST term old\n");
  const std::string in = bench.edits("IN");
  CAPTURE(in);
  CHECK(in.starts_with("+set firewall family inet filter IN term MAIL-1-smtp "));
  std::size_t both = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    RuleSet rules = rules_with({});
    rules.rules = random_rules(dice, rules);
    rules.reindex();
    Bench random(rules, chained(random_terms(dice, "FIRST") + random_terms(dice, "IN") + random_terms(dice, "OUT")),
                 Dialect::junos);
    const std::string first = random.edits("FIRST"), second = random.edits("IN");
    both += !first.empty() && !second.empty() ? 1 : 0;
  }
  CHECK(both > 15);
}

TEST_CASE("IOS: a list behind the sessions that inspection lets back is edited alone") {
  const RuleSet rules = rules_with(
      {rule("WEB-1", {"https"}, {"internet"}, {"web1.front"}), rule("OUT-1", {"dns"}, {"mail"}, {"internet"})});
  std::string text = router(" permit tcp any host 192.0.2.11 range 80 443\n permit icmp any any 3\n");
  text.replace(text.find(" ip access-group IN in\n"), 0, " ip inspect FW out\n");
  text = "ip inspect name FW tcp\nip inspect name FW udp\n" + text;
  Bench bench(rules, text, Dialect::cisco_ios);
  const std::string edits = bench.edits("IN");
  CAPTURE(edits);
  CHECK(edits.starts_with("- no 10\n+ 10 permit tcp any host 192.0.2.11 eq 443\n"));
  CHECK(edits.find("permit icmp any") != std::string::npos);  // errors, which nothing inspects
  CHECK(edits.find(" eq 53 ") == std::string::npos);          // answers, which come back by themselves
}

TEST_CASE("ASA: a list that several interfaces ask stays, and those before it are edited") {
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  Bench bench(rules,
              "ASA Version 9.16(4)\nhostname fw\ninterface GigabitEthernet0/0\n nameif outside\n"
              " security-level 0\n ip address 203.0.113.1 255.255.255.0\ninterface GigabitEthernet0/1\n"
              " nameif dmz\n security-level 50\n ip address 192.0.2.1 255.255.255.240\n"
              "access-list OUTSIDE extended permit tcp any host 192.0.2.12 eq ssh\n"
              "access-list DMZ extended deny udp any any\n"
              "access-list ALL extended permit icmp any any echo\n"
              "access-group OUTSIDE in interface outside\naccess-group DMZ in interface dmz\n"
              "access-group ALL global\n",
              Dialect::cisco_asa);
  const std::string edits = bench.edits("OUTSIDE");
  CAPTURE(edits);
  CHECK(edits.starts_with("-access-list OUTSIDE extended permit tcp any host 192.0.2.12 eq ssh\n"));
  CHECK(edits.find("permit tcp any4 host 192.0.2.11 eq 443") != std::string::npos);
  CHECK(edits.find("deny icmp") != std::string::npos);  // what ALL would let through behind it
  CHECK(bench.edits("DMZ").find("deny icmp") != std::string::npos);
  CHECK(bench.edits("ALL") == "other lists are asked with it, in each place different ones");
}

TEST_CASE("Junos: what is not a filter of its own is not edited, and says why") {
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  Bench nested(rules,
               junos("set firewall family inet filter IN term all then accept\n"
                     "set firewall family inet filter OUT term as-in filter IN\n"
                     "set firewall family inet filter OUT term rest then accept\n"),
               Dialect::junos);
  CHECK(nested.edits("IN") == "another filter is made of its terms as well");
  const std::string out = nested.edits("OUT");
  CAPTURE(out);
  CHECK(out.find("before term as-in") != std::string::npos);
}

TEST_CASE("lists for a pair of zones, in every dialect that is written, mean exactly what is documented") {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    RuleSet rules = rules_with({});
    rules.rules = random_rules(dice, rules);
    rules.reindex();
    Suggester suggester(rules, kNow);
    for (const DialectWriter& writer : dialect_writers()) {
      CAPTURE(std::string(name(writer.dialect)));
      for (const auto& [from, to] : {std::pair("internet", "dmz"), std::pair("dmz", "internet")}) {
        const ListSuggestion s = suggester.between(*rules.zone(from), *rules.zone(to), writer);
        const Written written = writer.write(s.full);
        for (const Unsaid& u : written.unsaid) FAIL(u.why);
        const Result<Suggester::Judgement> judged =
            judge_written(suggester, s.wish, writer.dialect, Way::through, written);
        REQUIRE_MESSAGE(judged.has_value(), (judged ? std::string() : judged.error().what));
        CAPTURE(written.texts.front().text);
        if (!judged->exact)
          FAIL(to_string(judged->sample->packet), " flags ", int(judged->sample->context.flags), " fragment ",
               int(judged->sample->context.fragment), " state ", int(judged->sample->context.state), " blocked ",
               judged->blocked);
      }
    }
  }
}

/// Two web servers open to an internet that begins at an address and lacks a network in each of some /8.
RuleSet internet_but(std::uint32_t begin, std::uint32_t first, std::uint32_t last) {
  RuleSet rules = rules_with({});
  std::vector<AddressRange> outside;
  for (std::uint32_t n = first; n <= last; ++n) {
    outside.push_back({Address::ipv4(begin), Address::ipv4((n << 24) + 0x00FFFF)});
    begin = (n << 24) + 0x020000;
  }
  outside.push_back({Address::ipv4(begin), Address::ipv4(0xBFFFFFFF)});
  rules.zones[0].addresses = AddressSet::of_ranges(outside);
  rules.rules = {world::rule(rules, "WEB-1", {"https"}, {"internet"}, {"web1.front"}),
                 world::rule(rules, "WEB-2", {"http"}, {"internet"}, {"web2.front"})};
  rules.reindex();
  return rules;
}

/// Nodes of the space after edits for so many rules and lines, of which every fourth is too wide.
std::size_t nodes_for(unsigned count) {
  naive::Dice dice(count);
  RuleSet rules = rules_with({});
  rules.zones[1].cidrs = {world::net("10.0.0.0/16")};
  rules.zones[1].addresses = AddressSet::of(rules.zones[1].cidrs);
  std::string lines;
  for (unsigned n = 0; n < 100; ++n) {
    Service s;
    s.name = fmt::format("tcp-{}", 2000 + 10 * n);
    s.tcp = PortSet::single(Port(static_cast<std::uint16_t>(2000 + 10 * n)));
    rules.services.push_back(std::move(s));
  }
  rules.reindex();
  for (unsigned n = 0; n < count; ++n) {
    const unsigned port = 2000 + 10 * dice.below(100);
    const std::string host = fmt::format("10.0.{}.{}", 1 + n / 250, n % 250);
    rules.rules.push_back(
        world::rule(rules, fmt::format("R-{}", n), {fmt::format("tcp-{}", port)}, {"internet"}, {host + "/32"}));
    lines += fmt::format(" permit tcp any host {} range {} {}\n", host, port, n % 4 == 0 ? port + 5 : port);
  }
  rules.reindex();
  std::string text = router(lines);
  text.replace(text.find("192.0.2.1 255.255.255.240"), 25, "10.0.0.1 255.255.0.0");
  Bench bench(std::move(rules), std::move(text));
  CHECK(bench.of("IN").edits.size() == count / 4 + 1);
  bench.edits("IN");
  return bench.suggester.space().node_count();
}

TEST_CASE("the work for a list grows with its lines and rules, not with their product") {
  const std::size_t few = nodes_for(200), many = nodes_for(800);
  CHECK(many < 5 * few);  // of four times the lines; where later fragments had ports it was 6.7 times
}

TEST_CASE("what comes by on no declared path is judged by nobody, as in a verdict") {
  const RuleSet rules = internet_but(0x01000000, 2, 9);
  Bench bench(rules, router(" permit tcp any host 192.0.2.11 eq 443\n permit tcp any host 192.0.2.12 eq 80\n"
                            " permit ip 192.168.0.0 0.0.255.255 any\n permit tcp any host 192.0.2.12 eq 22\n"));
  const std::string edits = bench.edits("IN");
  CAPTURE(edits);
  CHECK(edits.starts_with("- no 40\n+"));
  CHECK(edits.find("deny") == std::string::npos);
  CHECK(edits.find("permit tcp") == std::string::npos);
}

TEST_CASE("nftables: what a device hears of its links may pass to it, and answers to what it asks must") {
  const auto text = [](std::string_view input) {
    return fmt::format(
        "table inet fw {{\n chain input {{\n  type filter hook input priority filter; policy drop;\n{} }}\n"
        " chain forward {{\n  type filter hook forward priority filter; policy drop;\n"
        "  ct state established,related accept\n }}\n}}\n",
        input);
  };
  constexpr const char* kLinks =
      "  icmpv6 type { 1, 2, 3, 4, 133, 134, 135, 136 } accept\n  icmp type { 3, 11 } accept\n";
  const RuleSet quiet = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  Bench links(quiet, text(kLinks), Dialect::nftables);
  CHECK(links.of("inet fw input").conforms());
  Bench echo(quiet, text("  icmp type { 3, 8 } accept\n"), Dialect::nftables);
  CHECK(echo.edits("inet fw input") != "");
  CHECK_FALSE(echo.of("inet fw input").conforms());
  // The filter is one of the dmz, which may ask.
  const RuleSet asking = rules_with({rule("OUT-1", {"dns"}, {"dmz"}, {"internet"})});
  Bench answers(asking, text(kLinks), Dialect::nftables);
  const std::string edits = answers.edits("inet fw input");
  CAPTURE(edits);
  CHECK(edits.find("ct state established,related accept") != std::string::npos);
}

TEST_CASE("where a zone is all but many networks, what has no business here is denied first") {
  const RuleSet rules = internet_but(0, 1, 40);
  Suggester suggester(rules, kNow);
  const ListSuggestion s = suggester.between(*rules.zone("internet"), *rules.zone("dmz"),
                                             *find_writer(Dialect::cisco_ios), Family::ipv4);
  const Written written = write_cisco_ios(s.full);
  REQUIRE(written.complete());
  CHECK(judge_written(suggester, s.wish, Dialect::cisco_ios, Way::through, written)->exact);
  const std::string& text = written.texts[0].text;
  CHECK(text.find("permit tcp any host 192.0.2.11 eq 443") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') < 80);  // written out it is some hundred for each rule
}

TEST_CASE("who comes by without business is denied once, and lines that say any stay as they are") {
  RuleSet rules = internet_but(0x01000000, 2, 9);
  Zone partners;
  partners.name = "partners";
  for (std::uint32_t n = 2; n <= 9; ++n)
    partners.cidrs.push_back(Prefix::containing(Address::ipv4((n << 24) + 0x010000), 16));
  partners.addresses = AddressSet::of(partners.cidrs);
  rules.zones.push_back(partners);
  Path path = rules.paths[0];
  path.from = "partners";
  rules.paths.push_back(path);
  rules.reindex();
  Bench bench(rules,
              router(" permit tcp any host 192.0.2.11 eq 443\n permit tcp any host 192.0.2.12 eq 80\n"
                     " permit tcp any host 192.0.2.12 eq 22\n permit icmp any host 192.0.2.11 unreachable\n"));
  const std::string edits = bench.edits("IN");
  CAPTURE(edits);
  CHECK(edits.find("deny ip 2.1.0.0 0.0.255.255 any") != std::string::npos);
  CHECK(edits.find("permit tcp") == std::string::npos);  // both right lines stay
  CHECK(std::count(edits.begin(), edits.end(), '-') == 1);
  CHECK(std::count(edits.begin(), edits.end(), '\n') < 40);
}

}  // namespace
}  // namespace demarc
