// The lines that findings carry, entered into the configuration as a device would take them, and the result judged
// again: the finding must be gone, and no new one must have come.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "rules/acl/readers/reader.h"
#include "rules/verdict/reconcile.h"
#include "tests/rules/policy/world.h"

namespace demarc {
namespace {

// --- A device that takes commands ---

using Lines = std::vector<std::string>;

Lines split(const std::string& text) {
  Lines out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}
std::string trimmed(std::string text) {
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text;
}
/// "30 permit ..." as its number and its words; no number: 0.
std::pair<unsigned, std::string> numbered(std::string line) {
  line = trimmed(line);
  if (line.starts_with("sequence ")) line.erase(0, 9);
  const std::size_t blank = line.find(' ');
  const std::string first = line.substr(0, blank);
  if (!std::all_of(first.begin(), first.end(), [](char c) { return c >= '0' && c <= '9'; })) return {0, line};
  return {static_cast<unsigned>(std::stoul(first)), blank == std::string::npos ? "" : line.substr(blank + 1)};
}

/// A router: numbered lines in a block, which is entered by its own first line.
std::string enter_router(const std::string& text, const Lines& commands) {
  Lines lines = split(text);
  for (std::size_t c = 0; c < commands.size();) {
    const auto head = std::find(lines.begin(), lines.end(), commands[c]);
    REQUIRE_MESSAGE(head != lines.end(), commands[c]);
    auto end = head + 1;
    std::vector<std::pair<unsigned, std::string>> entries;
    unsigned last = 0;
    const bool shows_numbers = end == lines.end() || numbered(*end).first != 0;
    for (; end != lines.end() && end->starts_with(" "); ++end) {
      auto [number, words] = numbered(*end);
      entries.emplace_back(number != 0 ? number : last + 10, words);
      last = entries.back().first;
    }
    for (++c; c < commands.size() && commands[c].starts_with(" "); ++c) {
      const std::string command = trimmed(commands[c]);
      if (command.starts_with("no ")) {
        const auto [number, words] = numbered(command.substr(3));
        const auto gone = std::find_if(entries.begin(), entries.end(), [&](const auto& e) {
          return number != 0 ? e.first == number : e.second == words;
        });
        REQUIRE_MESSAGE(gone != entries.end(), command);
        entries.erase(gone);
        continue;
      }
      const auto entry = numbered(command);
      REQUIRE_MESSAGE(
          std::none_of(entries.begin(), entries.end(), [&](const auto& e) { return e.first == entry.first; }),
          command);
      entries.push_back(entry);
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    Lines block;
    for (const auto& [number, words] : entries)
      block.push_back(shows_numbers ? fmt::format(" {} {}", number, words) : fmt::format(" {}", words));
    const auto at = lines.erase(head + 1, end);
    lines.insert(at, block.begin(), block.end());
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

std::string enter_asa(const std::string& text, const Lines& commands) {
  Lines lines = split(text);
  for (const std::string& command : commands) {
    if (command.starts_with("no ")) {
      const auto gone = std::find(lines.begin(), lines.end(), command.substr(3));
      REQUIRE_MESSAGE(gone != lines.end(), command);
      lines.erase(gone);
      continue;
    }
    std::size_t name_end = command.find(' ', std::string_view("access-list ").size());
    const std::string prefix = command.substr(0, name_end + 1);
    std::string rest = command.substr(name_end + 1);
    unsigned place = 1000;
    if (rest.starts_with("line ")) {
      std::tie(place, rest) = numbered(rest.substr(5));
    }
    auto at = std::find_if(lines.begin(), lines.end(), [&](const std::string& l) { return l.starts_with(prefix); });
    REQUIRE(at != lines.end());
    for (; place > 1 && at != lines.end() && at->starts_with(prefix); --place) ++at;
    lines.insert(at, prefix + rest);
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

std::string enter_iptables(const std::string& text, const Lines& commands) {
  Lines lines = split(text);
  for (const std::string& command : commands) {
    REQUIRE(command.starts_with("iptables -"));
    const char verb = command[std::string_view("iptables -").size()];
    const std::string rest = command.substr(std::string_view("iptables -D ").size());
    const std::string append = "-A " + rest.substr(0, rest.find(' ') + 1);
    auto first =
        std::find_if(lines.begin(), lines.end(), [&](const std::string& l) { return l.starts_with(append); });
    if (verb == 'A') {
      lines.insert(std::find(lines.begin(), lines.end(), "COMMIT"), "-A " + rest);
      continue;
    }
    const auto [number, words] = numbered(rest.substr(rest.find(' ') + 1));
    if (verb == 'I') {
      lines.insert(first + number - 1, append + words);
    } else if (number != 0) {
      lines.erase(first + number - 1);
    } else {
      const auto gone = std::find(lines.begin(), lines.end(), "-A " + rest);
      REQUIRE_MESSAGE(gone != lines.end(), command);
      lines.erase(gone);
    }
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

std::string enter_nftables(const std::string& text, const Lines& commands) {
  Lines lines = split(text);
  std::ptrdiff_t at = 0;
  for (const std::string& command : commands) {
    if (command.starts_with("# ")) {
      const std::size_t line = command.rfind("line ");
      at = line == std::string::npos ? std::find(lines.begin(), lines.end(), " }") - lines.begin()
                                     : std::stol(command.substr(line + 5)) - 1;
    } else if (command.starts_with("- ")) {
      REQUIRE(trimmed(lines.at(static_cast<std::size_t>(at))) == command.substr(2));
      lines.erase(lines.begin() + at);
    } else {
      REQUIRE(command.starts_with("+ "));
      lines.insert(lines.begin() + at++, "  " + command.substr(2));
    }
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

/// Junos in `set` notation.
std::string enter_junos(const std::string& text, const Lines& commands) {
  Lines lines = split(text);
  for (const std::string& command : commands) {
    if (command.starts_with("delete ")) {
      const std::string gone = "set " + command.substr(7) + ' ';
      REQUIRE(std::erase_if(lines, [&](const std::string& l) { return l.starts_with(gone); }) != 0);
    } else if (command.starts_with("set ")) {
      lines.push_back(command);
    } else {  // insert ... term A before term B
      REQUIRE(command.starts_with("insert "));
      const std::size_t before = command.find(" before term ");
      const std::string own = "set " + command.substr(7, before - 7) + ' ',
                        filter = own.substr(0, own.rfind(" term ")),
                        other = filter + " term " + command.substr(before + 13) + ' ';
      Lines moved;
      for (const std::string& l : lines)
        if (l.starts_with(own)) moved.push_back(l);
      std::erase_if(lines, [&](const std::string& l) { return l.starts_with(own); });
      const auto to = std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return l.starts_with(other); });
      REQUIRE(to != lines.end());
      lines.insert(to, moved.begin(), moved.end());
    }
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

std::string enter(Dialect dialect, const std::string& text, const Lines& commands) {
  switch (dialect) {
    case Dialect::cisco_asa: return enter_asa(text, commands);
    case Dialect::iptables: return enter_iptables(text, commands);
    case Dialect::nftables: return enter_nftables(text, commands);
    case Dialect::junos: return enter_junos(text, commands);
    default: return enter_router(text, commands);
  }
}

// --- The device fw between the internet and the dmz ---

RuleSet rules() {
  RuleSet r = world::small_dmz();
  r.devices[0].dialect = "";
  Path path;
  path.from = "internet", path.to = "dmz", path.via = {{"fw"}};
  r.paths = {path};
  const auto rule = [](std::string id, std::vector<std::string> services, std::vector<std::string> from,
                       std::vector<std::string> to) {
    return world::rule(world::small_dmz(), std::move(id), std::move(services), std::move(from), std::move(to));
  };
  r.rules = {rule("WEB-1", {"https", "http"}, {"internet"}, {"web1.front"}),
             rule("MAIL-1", {"smtp"}, {"internet"}, {"mail"}), rule("OUT-1", {"dns"}, {"mail"}, {"internet"})};
  r.reindex();
  return r;
}

/// The list inward, given its lines in the dialect's words, and outward one that is right.
std::string configuration(Dialect dialect, const std::string& lines) {
  const std::string name = "fw";
  constexpr const char* kOut =
      " 10 permit tcp host 192.0.2.11 any established\n 20 permit tcp host 192.0.2.5 any established\n"
      " 30 permit tcp host 192.0.2.5 any eq 53\n 40 permit udp host 192.0.2.5 any eq 53\n"
      " 50 permit icmp 192.0.2.0 0.0.0.15 any unreachable\n";
  switch (dialect) {
    case Dialect::cisco_ios:
      return fmt::format(
          "hostname fw\ninterface Gi0/0\n ip address 203.0.113.1 255.255.255.0\n ip access-group IN in\n"
          " ip access-group OUT out\ninterface Gi0/1\n ip address 192.0.2.1 255.255.255.240\n"
          "ip access-list extended IN\n{}ip access-list extended OUT\n{}",
          lines, kOut);
    case Dialect::cisco_nxos:
      return fmt::format(
          "!Command: show running-config\nversion 9.3(5)\nhostname fw\nip access-list IN\n{}"
          "ip access-list OUT\n{}interface Ethernet1/1\n  ip address 203.0.113.1/24\n  ip access-group IN in\n"
          "  ip access-group OUT out\n  no shutdown\ninterface Ethernet1/2\n  ip address 192.0.2.1/28\n"
          "  no shutdown\n",
          lines, kOut);
    case Dialect::cisco_xr:
      return fmt::format(
          "!! IOS XR Configuration 7.3.2\nhostname fw\nipv4 access-list IN\n{}!\nipv4 access-list OUT\n{}!\n"
          "interface GigabitEthernet0/0/0/0\n ipv4 address 203.0.113.1 255.255.255.0\n"
          " ipv4 access-group IN ingress\n ipv4 access-group OUT egress\n!\n"
          "interface GigabitEthernet0/0/0/1\n ipv4 address 192.0.2.1 255.255.255.240\n!\nend\n",
          lines, kOut);
    case Dialect::arista_eos:
      return fmt::format(
          "! device: fw (DCS-7050SX3, EOS-4.28.3M)\nhostname fw\nip access-list IN\n{}!\nip access-list OUT\n{}!\n"
          "interface Ethernet1\n   no switchport\n   ip address 203.0.113.1/24\n   ip access-group IN in\n"
          "   ip access-group OUT out\n!\ninterface Ethernet2\n   no switchport\n   ip address "
          "192.0.2.1/28\n!\nend\n",
          lines, kOut);
    case Dialect::cisco_asa:
      return fmt::format(
          "ASA Version 9.16(4)\nhostname fw\ninterface GigabitEthernet0/0\n nameif outside\n security-level 0\n"
          " ip address 203.0.113.1 255.255.255.0\ninterface GigabitEthernet0/1\n nameif dmz\n security-level 50\n"
          " ip address 192.0.2.1 255.255.255.240\n{}"
          "access-list DMZ extended permit udp host 192.0.2.5 any eq domain\n"
          "access-list DMZ extended permit tcp host 192.0.2.5 any eq domain\n"
          "access-group IN in interface outside\naccess-group DMZ in interface dmz\n",
          lines);
    case Dialect::iptables:
      return fmt::format(
          "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
          "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n{}"
          "-A FORWARD -s 192.0.2.5/32 -p udp -m udp --dport 53 -j ACCEPT\n"
          "-A FORWARD -s 192.0.2.5/32 -p tcp -m tcp --dport 53 -j ACCEPT\nCOMMIT\n",
          lines);
    case Dialect::nftables:
      return fmt::format(
          "table ip fw {{\n chain forward {{\n  type filter hook forward priority filter; policy drop;\n"
          "  ct state established,related accept\n{}"
          "  ip saddr 192.0.2.5 meta l4proto {{ tcp, udp }} th dport 53 accept\n }}\n"
          " chain input {{\n  type filter hook input priority filter; policy drop;\n }}\n}}\n",
          lines);
    default:
      return fmt::format(
          "set version 21.4R3\nset system host-name fw\n"
          "set interfaces ge-0/0/0 unit 0 family inet address 203.0.113.1/24\n"
          "set interfaces ge-0/0/0 unit 0 family inet filter input IN\n"
          "set interfaces ge-0/0/0 unit 0 family inet filter output OUT\n"
          "set interfaces ge-0/0/1 unit 0 family inet address 192.0.2.1/28\n{}"
          "set firewall family inet filter OUT term established from protocol tcp\n"
          "set firewall family inet filter OUT term established from tcp-established\n"
          "set firewall family inet filter OUT term established then accept\n"
          "set firewall family inet filter OUT term dns from source-address 192.0.2.5/32\n"
          "set firewall family inet filter OUT term dns from protocol [ tcp udp ]\n"
          "set firewall family inet filter OUT term dns from destination-port 53\n"
          "set firewall family inet filter OUT term dns then accept\n",
          lines);
  }
}

Verdict judged(const RuleSet& r, Dialect dialect, const std::string& text) {
  Result<Device> device = read_configuration(Source("fw.cfg", text), dialect);
  REQUIRE_MESSAGE(device.has_value(), (device ? std::string() : device.error().what));
  CHECK_MESSAGE(device->coverage.not_understood == 0, text);
  const GivenConfiguration given{std::make_shared<const Device>(std::move(*device)), "fw", ""};
  JudgeOptions options;
  options.as_of = world::noon("2026-11-23");
  options.judge_rule_set = options.judge_reachable = options.judge_observed = false;
  return judge(r, Snapshot{}, options, std::span(&given, 1));
}

/// Those about lines of the list inward.
std::vector<Finding> about_lists(const Verdict& v) {
  std::vector<Finding> out;
  for (const Finding& f : v.findings)
    if (f.kind == FindingKind::acl_permits_undocumented || f.kind == FindingKind::acl_blocks_approved ||
        f.kind == FindingKind::ace_broad || f.kind == FindingKind::ace_reply_open ||
        f.kind == FindingKind::ace_shadowed || f.kind == FindingKind::ace_redundant)
      out.push_back(f);
  return out;
}

struct Row {
  Dialect dialect;
  const char *lines, *kind;
  const char* about;  // stands in the finding
  const char* remedy;
};

std::string told(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings)
    out +=
        fmt::format("{} {} {}\n  {}\n", name(f.kind), f.title, f.remedy, fmt::join(f.remedy_configuration, "\n  "));
  return out;
}

void check(const Row& row) {
  const RuleSet r = rules();
  const std::string text = configuration(row.dialect, row.lines);
  CAPTURE(text);
  const std::vector<Finding> before = about_lists(judged(r, row.dialect, text));
  const auto found = std::find_if(before.begin(), before.end(), [&](const Finding& f) {
    return name(f.kind) == row.kind && (f.entry + f.rule).find(row.about) != std::string::npos;
  });
  CHECK_MESSAGE(found != before.end(), told(before));
  if (found == before.end()) return;
  CHECK_MESSAGE(fmt::format("{}\n", fmt::join(found->remedy_configuration, "\n")) == row.remedy, told(before));
  if (found->remedy_configuration.empty()) return;
  const std::string changed = enter(row.dialect, text, found->remedy_configuration);
  CAPTURE(changed);
  const std::vector<Finding> after = about_lists(judged(r, row.dialect, changed));
  for (const Finding& f : after) {
    CHECK_MESSAGE(f.id != found->id, told(after));
    CHECK_MESSAGE(std::any_of(before.begin(), before.end(), [&](const Finding& b) { return b.id == f.id; }),
                  told({f}));
  }
  CHECK(after.size() < before.size());
}

/// Lines with something of everything; the rows say which finding is looked at.
constexpr const char* kRouterLines =
    " 10 permit tcp any host 192.0.2.11 range 80 443\n 20 permit tcp any host 192.0.2.5 eq 25\n"
    " 30 permit tcp any host 192.0.2.12 eq 22\n 40 permit tcp any eq 53 host 192.0.2.5\n"
    " 50 permit udp any eq 53 host 192.0.2.5\n 60 permit tcp any host 192.0.2.5 eq 25\n"
    " 70 permit icmp any 192.0.2.0 0.0.0.15 unreachable\n";
constexpr const char* kAsaLines =
    "access-list IN remark what came with the shop\n"
    "access-list IN extended permit tcp any host 192.0.2.11 range www https\n"
    "access-list IN extended permit tcp any host 192.0.2.5 eq smtp\n"
    "access-list IN extended permit tcp any host 192.0.2.12 eq ssh\n"
    "access-list IN extended permit tcp any host 192.0.2.5 eq 25\n";
constexpr const char* kIptablesLines =
    "-A FORWARD -d 192.0.2.11/32 -p tcp -m tcp --dport 80:443 -j ACCEPT\n"
    "-A FORWARD -d 192.0.2.5/32 -p tcp -m tcp --dport 25 -j ACCEPT\n"
    "-A FORWARD -d 192.0.2.12/32 -p tcp -m tcp --dport 22 -j ACCEPT\n"
    "-A FORWARD -d 192.0.2.5/32 -p tcp -m tcp --dport 25 -j ACCEPT\n";
constexpr const char* kNftLines =
    "  ip daddr 192.0.2.11 tcp dport 80-443 accept\n  ip daddr 192.0.2.5 tcp dport 25 accept\n"
    "  ip daddr 192.0.2.12 tcp dport 22 accept\n  ip daddr 192.0.2.5 tcp dport 25 accept\n";
constexpr const char* kJunosLines =
    "set firewall family inet filter IN term shop from destination-address 192.0.2.11/32\n"
    "set firewall family inet filter IN term shop from protocol tcp\n"
    "set firewall family inet filter IN term shop from destination-port 80-443\n"
    "set firewall family inet filter IN term shop then accept\n"
    "set firewall family inet filter IN term mail from destination-address 192.0.2.5/32\n"
    "set firewall family inet filter IN term mail from protocol tcp\n"
    "set firewall family inet filter IN term mail from destination-port 25\n"
    "set firewall family inet filter IN term mail then accept\n"
    "set firewall family inet filter IN term old from destination-address 192.0.2.12/32\n"
    "set firewall family inet filter IN term old from protocol tcp\n"
    "set firewall family inet filter IN term old from destination-port 22\n"
    "set firewall family inet filter IN term old then accept\n"
    "set firewall family inet filter IN term again from destination-address 192.0.2.5/32\n"
    "set firewall family inet filter IN term again from protocol tcp\n"
    "set firewall family inet filter IN term again from destination-port 25\n"
    "set firewall family inet filter IN term again then accept\n";

constexpr const char* kJunosDeny =
    "set firewall family inet filter IN term no-web from destination-address 192.0.2.11/32\n"
    "set firewall family inet filter IN term no-web from protocol tcp\n"
    "set firewall family inet filter IN term no-web from destination-port 80\n"
    "set firewall family inet filter IN term no-web then discard\n"
    "set firewall family inet filter IN term web from destination-address 192.0.2.11/32\n"
    "set firewall family inet filter IN term web from protocol tcp\n"
    "set firewall family inet filter IN term web from destination-port 443\n"
    "set firewall family inet filter IN term web then accept\n";

TEST_CASE("lines of findings, entered, take the finding away") {
  const Row rows[] = {
      {Dialect::cisco_ios, kRouterLines, "acl-permits-undocumented", "192.0.2.12",
       "ip access-list extended IN\n"
       " no 30\n"},
      {Dialect::cisco_ios, kRouterLines, "ace-broad", "192.0.2.11",
       "ip access-list extended IN\n"
       " no 10\n"
       " 10 permit tcp any host 192.0.2.11 eq 80 443\n"},
      {Dialect::cisco_ios, kRouterLines, "ace-reply-open", "",
       "ip access-list extended IN\n"
       " no 40\n"
       " 40 permit tcp any eq 53 host 192.0.2.5 established\n"},
      {Dialect::cisco_ios, kRouterLines, "ace-shadowed", "",
       "ip access-list extended IN\n"
       " no 60\n"},
      {Dialect::cisco_ios, " 10 permit tcp any 192.0.2.0 0.0.0.15\n", "ace-broad", "",
       "ip access-list extended IN\n"
       " no 10\n"
       " 10 permit tcp any host 192.0.2.5 eq 25\n"
       " 20 permit tcp any host 192.0.2.11 eq 80 443\n"
       " 30 permit tcp any eq 53 host 192.0.2.5 established\n"},
      {Dialect::cisco_ios, " 10 deny tcp any host 192.0.2.11 eq 80\n 20 permit tcp any host 192.0.2.11 eq 443\n",
       "acl-blocks-approved", "WEB-1",
       "ip access-list extended IN\n"
       " no 10\n"
       " 10 permit tcp any host 192.0.2.11 eq 80\n"},
      {Dialect::cisco_ios, " 10 deny tcp any host 192.0.2.11 eq 80\n 20 permit tcp any host 192.0.2.11 eq 443\n",
       "acl-blocks-approved", "MAIL-1",
       "ip access-list extended IN\n"
       " 30 permit tcp any host 192.0.2.5 eq 25\n"},
      {Dialect::cisco_ios, " permit tcp any host 192.0.2.12 eq 22\n deny ip any any\n", "acl-permits-undocumented",
       "",
       "ip access-list extended IN\n"
       " no permit tcp any host 192.0.2.12 eq 22\n"},
      {Dialect::cisco_ios, " permit tcp any host 192.0.2.12 eq 22\n deny ip any any\n", "acl-blocks-approved",
       "MAIL-1",
       "ip access-list extended IN\n"
       " 15 permit tcp any host 192.0.2.5 eq 25\n"},
      {Dialect::cisco_asa, kAsaLines, "acl-permits-undocumented", "192.0.2.12",
       "no access-list IN extended permit tcp any host 192.0.2.12 eq ssh\n"},
      {Dialect::cisco_asa, kAsaLines, "ace-broad", "192.0.2.11",
       "access-list IN line 1 extended permit tcp any4 host 192.0.2.11 eq 80\n"
       "access-list IN line 2 extended permit tcp any4 host 192.0.2.11 eq 443\n"
       "no access-list IN extended permit tcp any host 192.0.2.11 range www https\n"},
      {Dialect::cisco_asa, kAsaLines, "ace-shadowed", "",
       "no access-list IN extended permit tcp any host 192.0.2.5 eq 25\n"},
      {Dialect::cisco_asa, "access-list IN extended deny tcp any host 192.0.2.11\n", "acl-blocks-approved", "WEB-1",
       "access-list IN line 1 extended permit tcp any4 host 192.0.2.11 eq 80\n"
       "access-list IN line 2 extended permit tcp any4 host 192.0.2.11 eq 443\n"},
      {Dialect::cisco_asa, "access-list IN extended deny tcp any host 192.0.2.11\n", "acl-blocks-approved",
       "MAIL-1", "access-list IN extended permit tcp any4 host 192.0.2.5 eq 25\n"},
      {Dialect::iptables, kIptablesLines, "acl-permits-undocumented", "192.0.2.12",
       "iptables -D FORWARD -d 192.0.2.12/32 -p tcp -m tcp --dport 22 -j ACCEPT\n"},
      {Dialect::iptables, kIptablesLines, "ace-broad", "192.0.2.11",
       "iptables -I FORWARD 2 -d 192.0.2.11/32 -p tcp -m multiport --dports 80,443 -j ACCEPT\n"
       "iptables -D FORWARD -d 192.0.2.11/32 -p tcp -m tcp --dport 80:443 -j ACCEPT\n"},
      {Dialect::iptables, kIptablesLines, "ace-shadowed", "", "iptables -D FORWARD 5\n"},
      // A shell would read within the comment: the place stands for the words.
      {Dialect::iptables, "-A FORWARD -d 192.0.2.12/32 -p tcp -m comment --comment \"$(reboot)\" -j ACCEPT\n",
       "acl-permits-undocumented", "192.0.2.12", "iptables -D FORWARD 2\n"},
      {Dialect::iptables, "-A FORWARD -d 192.0.2.11/32 -p tcp -m tcp --dport 80 -j DROP\n", "acl-blocks-approved",
       "WEB-1",
       "iptables -I FORWARD 2 -d 192.0.2.11/32 -p tcp -m tcp --dport 80 -j ACCEPT\n"
       "iptables -D FORWARD -d 192.0.2.11/32 -p tcp -m tcp --dport 80 -j DROP\n"
       "iptables -A FORWARD -d 192.0.2.11/32 -p tcp -m tcp --dport 443 -j ACCEPT\n"},
      {Dialect::nftables, kNftLines, "acl-permits-undocumented", "192.0.2.12",
       "# ip fw forward, line 7\n"
       "- ip daddr 192.0.2.12 tcp dport 22 accept\n"},
      {Dialect::nftables, kNftLines, "ace-broad", "192.0.2.11",
       "# ip fw forward, line 5\n"
       "- ip daddr 192.0.2.11 tcp dport 80-443 accept\n"
       "+ ip daddr 192.0.2.11 tcp dport { 80, 443 } accept\n"},
      {Dialect::nftables, kNftLines, "ace-shadowed", "",
       "# ip fw forward, line 8\n"
       "- ip daddr 192.0.2.5 tcp dport 25 accept\n"},
      {Dialect::nftables, "  ip daddr 192.0.2.11 tcp dport 80 drop\n", "acl-blocks-approved", "WEB-1",
       "# ip fw forward, line 5\n"
       "- ip daddr 192.0.2.11 tcp dport 80 drop\n"
       "+ ip daddr 192.0.2.11 tcp dport 80 accept\n"
       "# ip fw forward, at the end\n"
       "+ ip daddr 192.0.2.11 tcp dport 443 accept\n"},
      {Dialect::cisco_nxos, kRouterLines, "acl-permits-undocumented", "192.0.2.12",
       "ip access-list IN\n"
       " no 30\n"},
      {Dialect::cisco_nxos, kRouterLines, "ace-broad", "192.0.2.11",
       "ip access-list IN\n"
       " no 10\n"
       " 10 permit tcp any host 192.0.2.11 eq 80\n"
       " 15 permit tcp any host 192.0.2.11 eq 443\n"},
      {Dialect::cisco_xr, kRouterLines, "acl-permits-undocumented", "192.0.2.12",
       "ipv4 access-list IN\n"
       " no 30\n"},
      {Dialect::cisco_xr, kRouterLines, "ace-broad", "192.0.2.11",
       "ipv4 access-list IN\n"
       " no 10\n"
       " 10 permit tcp any host 192.0.2.11 eq 80\n"
       " 15 permit tcp any host 192.0.2.11 eq 443\n"},
      {Dialect::arista_eos, kRouterLines, "acl-permits-undocumented", "192.0.2.12",
       "ip access-list IN\n"
       " no 30\n"},
      {Dialect::arista_eos, kRouterLines, "ace-broad", "192.0.2.11",
       "ip access-list IN\n"
       " no 10\n"
       " 10 permit tcp any host 192.0.2.11 eq 80 443\n"},
      {Dialect::junos, kJunosLines, "acl-permits-undocumented", "192.0.2.12",
       "delete firewall family inet filter IN term old\n"},
      {Dialect::junos, kJunosLines, "ace-broad", "192.0.2.11",
       "delete firewall family inet filter IN term shop\n"
       "set firewall family inet filter IN term permit from destination-address 192.0.2.11/32\n"
       "set firewall family inet filter IN term permit from protocol tcp\n"
       "set firewall family inet filter IN term permit from destination-port 80\n"
       "set firewall family inet filter IN term permit from destination-port 443\n"
       "set firewall family inet filter IN term permit then accept\n"
       "insert firewall family inet filter IN term permit before term mail\n"},
      {Dialect::junos, kJunosDeny, "acl-blocks-approved", "WEB-1",
       "delete firewall family inet filter IN term no-web\n"
       "set firewall family inet filter IN term permit from destination-address 192.0.2.11/32\n"
       "set firewall family inet filter IN term permit from protocol tcp\n"
       "set firewall family inet filter IN term permit from destination-port 80\n"
       "set firewall family inet filter IN term permit then accept\n"
       "insert firewall family inet filter IN term permit before term web\n"},
      {Dialect::junos, kJunosDeny, "acl-blocks-approved", "MAIL-1",
       "set firewall family inet filter IN term permit from destination-address 192.0.2.5/32\n"
       "set firewall family inet filter IN term permit from protocol tcp\n"
       "set firewall family inet filter IN term permit from destination-port 25\n"
       "set firewall family inet filter IN term permit then accept\n"},
      {Dialect::junos, kJunosLines, "ace-shadowed", "", "delete firewall family inet filter IN term again\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(name(row.dialect)));
    CAPTURE(std::string(row.kind));
    CAPTURE(std::string(row.about));
    check(row);
  }
}

}  // namespace
}  // namespace demarc
