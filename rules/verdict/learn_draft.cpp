// The draft as text: names for services, hosts and rules, and comments that say what each rule stands on.
#include <fmt/format.h>

#include <algorithm>

#include "rules/net/app_protocol.h"
#include "rules/policy/yaml_words.h"
#include "rules/text/sha256.h"
#include "rules/verdict/judging.h"
#include "rules/verdict/learn_parts.h"

namespace demarc::learning {

namespace {

constexpr std::size_t kInARule = 8;    // names of one side written into the rule itself; more become a group
constexpr std::size_t kLineMax = 118;  // of a list

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return fmt::format("{} {}", digits, n == 1 ? one : many);
}

std::string bytes_words(std::uint64_t n) {
  constexpr std::string_view kUnits[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  if (n < 1000) return fmt::format("{} bytes", n);
  double value = static_cast<double>(n);
  std::size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

class Drafting {
 public:
  Drafting(Learned& learned, const Snapshot& snapshot, const std::vector<std::uint32_t>& order,
           const RuleSet& rules, bool given, const LearnOptions& options)
      : learned_(learned), snapshot_(snapshot), order_(order), rules_(rules), given_(given), options_(options) {}

  void run() {
    name_services();
    name_places();
    name_rules();
    learned_.draft = text();
  }

 private:
  // --- Services ---

  static bool is_exactly(const Service& s, const LearnedService& l) {
    if (s.all || s.source_ports || s.one_way != l.one_way || !s.ip.empty()) return false;
    if (l.protocol.is_icmp()) {
      const std::vector<IcmpType>&own = l.v6 ? s.icmpv6 : s.icmp, &other = l.v6 ? s.icmp : s.icmpv6;
      const auto is_it = [&](const IcmpType& t) {
        return t.type == l.ports.first.number() >> 8 && t.code.value_or(0) == 0;
      };
      // A ping is a ping in both families.
      return s.tcp.empty() && s.udp.empty() && s.sctp.empty() && own.size() == 1 && is_it(own.front()) &&
             other.size() <= 1 && (own.front().code.has_value() ? other.empty() : true);
    }
    const PortSet ports{l.ports};
    const auto side = [&](const PortSet& set, Protocol protocol) {
      return set == (l.protocol == protocol ? ports : PortSet{});
    };
    return s.icmp.empty() && s.icmpv6.empty() && side(s.tcp, Protocol::tcp) && side(s.udp, Protocol::udp) &&
           side(s.sctp, Protocol::sctp) && l.protocol.has_ports() &&
           // What it declares as data ports would be approved as well.
           s.related_tcp.empty() && s.related_udp.empty();
  }

  std::string base_name(const LearnedService& s) const {
    const std::uint16_t number = s.ports.first.number();
    if (s.protocol.is_icmp()) {
      const std::string what = describe(s.v6 ? Family::ipv6 : Family::ipv4,
                                        IcmpType{static_cast<std::uint8_t>(number >> 8), std::nullopt});
      return fmt::format("{}-{}", s.v6 ? "icmpv6" : "icmp", yaml_name(what));
    }
    if (!s.protocol.has_ports()) return fmt::format("ip-{}", to_string(s.protocol));
    const std::string plain = s.ports.size() == 1 ? fmt::format("{}-{}", to_string(s.protocol), number)
                                                  : fmt::format("{}-{}", to_string(s.protocol), to_string(s.ports));
    if (s.ports.size() != 1) return plain;
    const CatalogueEntry* row = catalogue_find(s.protocol, s.ports.first);
    if (row != nullptr) {
      const PortSet own = s.protocol == Protocol::tcp ? row->tcp_ports() : row->udp_ports();
      const bool both = !row->tcp.empty() && !row->udp.empty();
      std::string name(row->name);
      if (own.size() != 1) name += fmt::format("-{}", number);
      if (both) name += fmt::format("-{}", to_string(s.protocol));
      // Something else speaks there: the port's usual name would mislead.
      if (s.speaks.empty() || row->speaks.empty() || satisfies(s.speaks, "", row->speaks)) return name;
    }
    return s.speaks.empty() ? plain : fmt::format("{}-{}", yaml_name(s.speaks), plain);
  }

  void name_services() {
    std::set<std::string> taken;
    for (const Service& s : rules_.services) taken.insert(s.name);
    std::vector<LearnedService*> sorted;
    for (LearnedService& s : learned_.services) sorted.push_back(&s);
    std::sort(sorted.begin(), sorted.end(), [](const LearnedService* a, const LearnedService* b) {
      return std::tie(a->protocol, a->ports, a->one_way) < std::tie(b->protocol, b->ports, b->one_way);
    });
    for (LearnedService* s : sorted) {
      if (given_) {
        const auto found = std::find_if(rules_.services.begin(), rules_.services.end(),
                                        [&](const Service& known) { return is_exactly(known, *s); });
        if (found != rules_.services.end()) {
          s->name = found->name;
          s->existing = true;
          continue;
        }
      }
      s->name = base_name(*s);
      if (s->one_way && taken.contains(s->name)) s->name += "-one-way";
      for (int i = 2; !taken.insert(s->name).second; ++i) s->name = fmt::format("{}-seen-{}", base_name(*s), i);
    }
    for (LearnedRule& rule : learned_.rules) {
      std::sort(rule.services.begin(), rule.services.end(), [&](std::uint32_t a, std::uint32_t b) {
        return learned_.services[a].name < learned_.services[b].name;
      });
      rule.service_names = words_for_services(rule);
      written_.insert(rule.service_names.begin(), rule.service_names.end());
    }
  }

  /// What the rule writes under `services`: where the rule set has a name for several of them together, that name.
  std::vector<std::string> words_for_services(const LearnedRule& rule) const {
    std::vector<std::uint32_t> left = rule.services;
    std::vector<std::string> names;
    if (given_ && left.size() > 1) {
      for (const Service& s : rules_.services) {
        if (s.all || s.source_ports || !s.sctp.empty() || !s.icmp.empty() || !s.icmpv6.empty() || !s.ip.empty() ||
            !s.related_tcp.empty() || !s.related_udp.empty() || s.tcp.size() + s.udp.size() < 2)
          continue;
        PortSet tcp, udp;
        std::vector<std::uint32_t> inside;
        for (const std::uint32_t i : left) {
          const LearnedService& l = learned_.services[i];
          if (l.one_way != s.one_way) continue;
          const PortSet ports{l.ports};
          if (l.protocol == Protocol::tcp && s.tcp.contains(ports))
            tcp = tcp.unite(ports);
          else if (l.protocol == Protocol::udp && s.udp.contains(ports))
            udp = udp.unite(ports);
          else
            continue;
          inside.push_back(i);
        }
        if (tcp != s.tcp || udp != s.udp) continue;
        names.push_back(s.name);
        std::erase_if(left,
                      [&](std::uint32_t i) { return std::find(inside.begin(), inside.end(), i) != inside.end(); });
      }
    }
    for (const std::uint32_t i : left) names.push_back(learned_.services[i].name);
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string service_yaml(const LearnedService& s) const {
    std::string ports = s.ports.size() == 1 ? to_string(s.ports) : fmt::format("\"{}\"", to_string(s.ports));
    std::string out;
    if (s.protocol.is_icmp()) {
      const IcmpType type{static_cast<std::uint8_t>(s.ports.first.number() >> 8), std::nullopt};
      const Family family = s.v6 ? Family::ipv6 : Family::ipv4;
      std::string word = describe(family, type);
      if (icmp_type_by_name(family, word) != std::optional(type)) word = std::to_string(type.type);
      out = fmt::format("{}: [{}]", s.v6 ? "icmpv6" : "icmp", word);
    } else if (s.protocol == Protocol::tcp || s.protocol == Protocol::udp || s.protocol == Protocol::sctp) {
      out = fmt::format("{}: [{}]", to_string(s.protocol), ports);
    } else {
      out = fmt::format("ip: [{}]", to_string(s.protocol));
    }
    if (!s.speaks.empty()) out += fmt::format(", speaks: {}", s.speaks);
    if (s.one_way) out += ", replies: none";
    return fmt::format("  {}: {{ {} }}\n", s.name, out);
  }

  // --- Places ---

  /// Inside, every address is somebody: a host of the rule set, or one that the draft names.
  std::string host_name(const Address& a) {
    if (given_)
      if (std::string name = rules_.name_of(a); !name.empty()) return name;
    const Zone* zone = rules_.zone_of(a);
    if (zone == nullptr || zone->any) return yaml_address(a);
    const auto [at, fresh] = hosts_.try_emplace(a);
    if (fresh) {
      const std::string plain = yaml_name("host-" + to_string(a));
      at->second = plain;
      for (int i = 2; !place_names_.insert(at->second).second; ++i) at->second = fmt::format("{}-{}", plain, i);
    }
    return at->second;
  }

  void name_places() {
    for (const Zone& z : rules_.zones) place_names_.insert(z.name);
    for (const Host& h : rules_.hosts) place_names_.insert(h.name);
    for (const Group& g : rules_.groups) place_names_.insert(g.name);
    for (LearnedRule& rule : learned_.rules)
      for (LearnedPlace* side : {&rule.from, &rule.to}) {
        // Names of zones and groups first, then as addresses go, so that a list reads in order.
        std::vector<std::tuple<bool, Prefix, std::string>> sorted;
        for (const std::string& name : side->names) {
          const Result<Prefix> prefix = parse_prefix(name);
          if (!prefix)
            sorted.emplace_back(false, Prefix(), name);
          else
            sorted.emplace_back(true, *prefix,
                                prefix->is_host() ? host_name(prefix->first()) : yaml_prefix(*prefix));
        }
        std::sort(sorted.begin(), sorted.end());
        side->names.clear();
        for (auto& [is_address, prefix, name] : sorted) side->names.push_back(std::move(name));
      }
  }

  // --- Rules ---

  static std::string joined(const std::vector<std::string>& list) {
    return fmt::format("{}", fmt::join(list, ", "));
  }

  void name_rules() {
    std::sort(learned_.rules.begin(), learned_.rules.end(), [&](const LearnedRule& a, const LearnedRule& b) {
      if (a.decide != b.decide) return b.decide;
      return std::tie(a.service_names, a.to.addresses, a.from.addresses) <
             std::tie(b.service_names, b.to.addresses, b.from.addresses);
    });
    // An id is made of what is served and by whom, so that it stays when more clients are seen; where that does not
    // tell two rules apart, of the clients as well.
    std::map<std::string, int> times;
    const auto short_hash = [](const std::string& s) { return sha256_hex(s).substr(0, 6); };
    std::vector<std::string> bases;
    for (const LearnedRule& rule : learned_.rules) {
      std::string word = rule.service_names.front();
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
      const bool to_zone = rule.to.names.size() == 1 && rules_.zone(rule.to.names.front()) != nullptr;
      std::string what = joined(rule.service_names) + "|" + joined(rule.to.names);
      if (to_zone) what += "|" + joined(rule.from.names);
      bases.push_back(fmt::format("LRN-{}-{}", word.substr(0, 24), short_hash(what)));
      ++times[bases.back()];
    }
    std::set<std::string> taken;
    for (const RetiredId& r : rules_.retired) taken.insert(r.id);
    for (const Rule& r : rules_.rules) taken.insert(r.id);
    for (const Exception& x : rules_.exceptions) taken.insert(x.rule.id);
    for (const ForbiddenEntry& f : rules_.forbidden) taken.insert(f.id);
    for (std::size_t i = 0; i < bases.size(); ++i) {
      std::string id = bases[i];
      if (times[id] > 1) id += "-" + short_hash(joined(learned_.rules[i].from.names));
      const std::string plain = id;
      for (int n = 2; !taken.insert(id).second; ++n) id = fmt::format("{}-{}", plain, n);
      learned_.rules[i].id = id;
    }
  }

  std::string side_yaml(const LearnedRule& rule, std::string_view key, const LearnedPlace& side) {
    if (side.names.size() <= kInARule) return fmt::format("    {}: [{}]\n", key, joined(side.names));
    std::string group = fmt::format("{}-{}", rule.id, key == "from" ? "clients" : "servers");
    for (int n = 2; !place_names_.insert(group).second; ++n)
      group = fmt::format("{}-{}-{}", rule.id, key == "from" ? "clients" : "servers", n);
    std::string list = fmt::format("  {}:\n    [", group);
    std::size_t width = 5;
    for (std::size_t i = 0; i < side.names.size(); ++i) {
      const std::string item = side.names[i] + (i + 1 < side.names.size() ? "," : "]");
      if (width + item.size() + 1 > kLineMax) {
        list += "\n     ";
        width = 5;
      } else if (i != 0) {
        list += ' ';
        ++width;
      }
      list += item;
      width += item.size();
    }
    groups_ += list + "\n";
    return fmt::format("    {}: [{}]\n", key, group);
  }

  static std::string day(Timestamp t) { return to_string(t).substr(0, 10); }

  std::string rule_yaml(const LearnedRule& rule) {
    std::string out =
        fmt::format("  # {} by {} to {}, {}\n", counted(rule.conversations, "conversation", "conversations"),
                    counted(rule.clients, "client", "clients"), counted(rule.servers, "server", "servers"),
                    day(rule.first) == day(rule.last) ? "on " + day(rule.first)
                                                      : fmt::format("{} to {}", day(rule.first), day(rule.last)));
    out += fmt::format("  # {} sent, {} answered; {} to {}\n", bytes_words(rule.bytes_out),
                       bytes_words(rule.bytes_in), to_string(rule.first), to_string(rule.last));
    for (const std::string& place : rule.places) out += fmt::format("  # seen: {}\n", yaml_comment(place));
    for (const std::string& g : rule.generalisations) out += fmt::format("  # generalised: {}\n", g);
    for (const std::uint32_t s : rule.services) {
      const LearnedService& service = learned_.services[s];
      for (const RelatedBy by : service.announces)
        out += fmt::format("  # {}: the connections that it announces ({}) belong to it\n", service.name, name(by));
      if (service.one_way) out += fmt::format("  # {}: nobody answers; datagrams alone are use\n", service.name);
      if (service.ports.size() > 1 && service.protocol.has_ports() && !service.existing)
        out += fmt::format("  # generalised: {}, of which at least half were used\n", service.name);
    }
    if (rule.uncertain != 0)
      out += fmt::format("  # UNCERTAIN: in {} nobody saw who opened; make sure that `from` does\n",
                         counted(rule.uncertain, "conversation", "conversations"));
    if (!rule.not_in_force.empty())
      out += fmt::format("  # named by {}, which is not in force\n", joined(rule.not_in_force));
    if (rule.decide) out += fmt::format("  # DECIDE: {}\n", yaml_comment(rule.risk));
    out += fmt::format("  - id: {}\n    status: proposed\n", rule.id);
    const std::vector<std::string> services = rule.service_names;
    if (services.size() == 1)
      out += fmt::format("    service: {}\n", services.front());
    else
      out += fmt::format("    services: [{}]\n", joined(services));
    out += side_yaml(rule, "from", rule.from);
    out += side_yaml(rule, "to", rule.to);
    out += "    owner: TO-BE-NAMED\n    reason: TO BE WRITTEN\n";
    out += fmt::format("    tags: [{}]\n\n", rule.decide ? "learned, decide" : "learned");
    return out;
  }

  // --- The whole ---

  std::string head() const {
    std::string out =
        "# A draft, written by `demarc learn`: the fewest rules that explain what was seen. It says what is used, "
        "not\n"
        "# what should be. Every rule is `proposed` and approves nothing until people have decided:\n"
        "#   1. give each rule an owner, a reason and a ticket, or delete it and close the port,\n"
        "#   2. look at what was generalised and at UNCERTAIN directions,\n"
        "#   3. decide on the rules under DECIDE one by one,\n"
        "#   4. have the others approved (`approved`) and remove `status: proposed`.\n#\n";
    std::vector<std::string> names;
    for (const EvidenceFile& f : snapshot_.files) names.push_back(f.name);
    if (names.empty())
      for (const FlowEvidence& f : snapshot_.flows) names.push_back(f.file);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    constexpr std::size_t kShown = 20;
    for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
      out += fmt::format("# Evidence: {}\n", yaml_comment(names[i]));
    if (names.size() > kShown) out += fmt::format("# Evidence: and {} more files\n", names.size() - kShown);
    const LeftOut& l = learned_.left_out;
    const auto line = [&](std::uint64_t n, std::string_view what) {
      if (n != 0) out += fmt::format("# Left out: {} {}\n", counted(n, "conversation", "conversations"), what);
    };
    line(l.approved, "that a rule in force approves");
    line(l.related, "that belong to a control session (`related`)");
    line(l.attempts, "that nobody answered");
    line(l.scans, "of scans");
    line(l.floods, "of SYN floods");
    line(l.backscatter, "that are answers to forged questions (backscatter)");
    line(l.noise, "that nobody answered, too many to keep one by one");
    line(l.link_control, "to multicast, broadcast and link-local addresses, and DHCP");
    line(l.intra, "inside one subnet of a zone with `intra: allowed`");
    line(l.twice, "seen a second time on the other side of an address translation");
    std::uint64_t dropped = 0, aggregated = 0, undecoded = 0;
    std::size_t cut = 0, sampled = 0;
    for (const std::uint32_t e : order_) {
      const FlowEvidence& f = snapshot_.flows[e];
      for (const FlowSource& s : f.sources) {
        dropped += s.dropped;
        aggregated += s.aggregated;
        undecoded += s.undecoded;
        cut += s.truncated || !s.problem.empty() ? 1 : 0;
        sampled += s.sampling > 1 ? 1 : 0;
      }
      cut += f.complete ? 0 : 1;
    }
    const auto loss = [&](std::uint64_t n, std::string_view one, std::string_view many) {
      if (n != 0)
        out += fmt::format("# The evidence has gaps, so rules may be missing: {}\n", counted(n, one, many));
    };
    loss(dropped, "packet was dropped while it was captured", "packets were dropped while they were captured");
    loss(undecoded, "packet could not be read", "packets could not be read");
    loss(aggregated, "conversation was not kept one by one", "conversations were not kept one by one");
    loss(cut, "file is cut or damaged", "files are cut or damaged");
    loss(sampled, "source is sampled", "sources are sampled");
    for (const LearnedForbidden& f : learned_.forbidden)
      out += fmt::format(
          "# FORBIDDEN by {}, and used: {} of {} by {}, {}. No rule can approve it; stop it, or ask "
          "for an exception.\n",
          f.entry, f.service, f.server, counted(f.clients, "client", "clients"),
          counted(f.conversations, "conversation", "conversations"));
    return out;
  }

  std::string text() {
    // Rules first: they say which groups and hosts there have to be.
    std::string ordinary, decide;
    for (const LearnedRule& rule : learned_.rules) (rule.decide ? decide : ordinary) += rule_yaml(rule);
    std::string out = head();
    out += "\ndemarc: 1                       # schema version\n";
    if (!given_) {
      const std::string name = yaml_name(options_.name);
      out += fmt::format("name: {}\ntimezone: UTC\n", name.empty() ? "learned" : name);
      out +=
          "\nreview:\n  interval: 12 months\n  warn_before: 45 days\n  approval_roles: [network, systems, "
          "security]\n"
          "  approver_is_not_owner: true\n";
      out += "\n# Guessed: networks around what was seen. Give them their real prefixes and names.\nzones:\n";
      for (const Zone& z : rules_.zones)
        out += z.any ? fmt::format("  {}: {{ any: true }}\n", z.name)
                     : fmt::format("  {}: {{ cidrs: [{}] }}\n", z.name, yaml_prefix(z.cidrs.front()));
      if (rules_.zones.empty()) out += "  internet: { any: true }\n";
    } else if (!options_.include.empty()) {
      out += fmt::format("include: [{}]\n", yaml_quoted(options_.include));
    }
    if (!hosts_.empty()) {
      out +=
          "\n# Addresses inside that nobody has named yet. Put those of one machine together: nics: { front: [...] "
          "}.\nhosts:\n";
      for (const auto& [address, name] : hosts_)
        out += fmt::format("  {}: {{ addresses: [{}] }}\n", name, yaml_address(address));
    }
    if (!groups_.empty()) out += "\ngroups:\n" + groups_;
    std::vector<const LearnedService*> fresh;
    for (const LearnedService& s : learned_.services)
      if (!s.existing && written_.contains(s.name)) fresh.push_back(&s);
    std::sort(fresh.begin(), fresh.end(),
              [](const LearnedService* a, const LearnedService* b) { return a->name < b->name; });
    if (!fresh.empty()) {
      out += "\n# `speaks` is what was recognised there, wherever it was.\nservices:\n";
      for (const LearnedService* s : fresh) out += service_yaml(*s);
    }
    if (!given_)
      out +=
          "\n# Nothing may be scanned until somebody writes down what, and who authorised it.\nscope:\n  targets: "
          "[]\n";
    out += "\nrules:\n";
    if (learned_.rules.empty()) out += given_ ? "  []  # what was seen is approved already\n" : "  []\n";
    out += ordinary;
    if (!decide.empty()) {
      out +=
          "  # ---- DECIDE ----\n"
          "  # What follows is used, and dangerous where it crosses from one zone to another. Approve none of it "
          "together\n  # with the rest: each needs a reason of its own, or an end.\n\n";
      out += decide;
    }
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
  }

  Learned& learned_;
  const Snapshot& snapshot_;
  const std::vector<std::uint32_t>& order_;
  const RuleSet& rules_;
  bool given_;
  const LearnOptions& options_;
  std::map<Address, std::string> hosts_;  // that the draft names
  std::set<std::string> place_names_;
  std::set<std::string> written_;  // services that rules name
  std::string groups_;
};

}  // namespace

std::string place_words(const Snapshot& snapshot, const std::vector<std::uint32_t>& order,
                        const Facts::Where& where) {
  if (where.evidence >= order.size()) return {};
  const FlowEvidence& evidence = snapshot.flows[order[where.evidence]];
  const auto file = std::find_if(snapshot.files.begin(), snapshot.files.end(),
                                 [&](const EvidenceFile& f) { return f.name == evidence.file; });
  if (file != snapshot.files.end() && file->kind == EvidenceKind::flow_records)
    return fmt::format("{} line {}", evidence.file, where.record);
  const std::string& name =
      where.source < evidence.sources.size() ? evidence.sources[where.source].file : evidence.file;
  return fmt::format("{} frame {}", name, where.record);
}

void write_draft(Learned& learned, const Snapshot& snapshot, const std::vector<std::uint32_t>& order,
                 const RuleSet& rules, bool given, const LearnOptions& options) {
  Drafting(learned, snapshot, order, rules, given, options).run();
}

}  // namespace demarc::learning
