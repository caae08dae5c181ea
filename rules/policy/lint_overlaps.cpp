// Rules that say the same, and what is said in spite of a forbidden entry.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rules/policy/linter.h"

namespace demarc {

using namespace linting;

namespace {

constexpr std::size_t kOverlapsMax = 1000;  // pairs reported one by one

AddressSet of_family(const AddressSet& set, Family family) {
  return set.intersect(
      AddressSet{Prefix::containing(family == Family::ipv4 ? Address::ipv4(0) : Address::ipv6(0, 0), 0)});
}

/// How two products (from x to x services) lie to each other. The families are judged apart: two rules may share
/// IPv4 sources and IPv6 destinations without sharing a packet.
struct Lie {
  bool overlap = false;
  bool first_in_second = true, second_in_first = true;
};
Lie lie(Speech& speech, std::uint32_t a_services, const Rule& a, std::uint32_t b_services, const Rule& b) {
  Lie out;
  const Speech::Relation& services = speech.relation(a_services, b_services);
  for (int f = 0; f < 2; ++f) {
    Family family = f == 0 ? Family::ipv4 : Family::ipv6;
    AddressSet a_from = of_family(a.from.addresses, family), a_to = of_family(a.to.addresses, family);
    AddressSet b_from = of_family(b.from.addresses, family), b_to = of_family(b.to.addresses, family);
    bool a_any = !a_from.empty() && !a_to.empty(), b_any = !b_from.empty() && !b_to.empty();
    if (a_any && b_any && services.overlap[f] && a_from.overlaps(b_from) && a_to.overlaps(b_to)) out.overlap = true;
    if (a_any && !(b_any && services.first_in_second[f] && b_from.contains(a_from) && b_to.contains(a_to)))
      out.first_in_second = false;
    if (b_any && !(a_any && services.second_in_first[f] && a_from.contains(b_from) && a_to.contains(b_to)))
      out.second_in_first = false;
  }
  return out;
}

}  // namespace

void Linter::overlaps() {
  std::vector<std::uint32_t> considered;  // rules that approve something, now or later
  for (std::uint32_t r = 0; r < rules_.rules.size(); ++r) {
    RuleStatus status = states_[r].status;
    const Rule& rule = rules_.rules[r];
    if (status != RuleStatus::expired && status != RuleStatus::proposed && !rule.from.addresses.empty() &&
        !rule.to.addresses.empty() && !rule.services.empty())
      considered.push_back(r);
  }
  if (considered.size() < 2) return;
  std::vector<std::uint32_t> services;
  Dimension from =
      addresses_of(considered, [](const Rule& rule) -> const AddressSet& { return rule.from.addresses; });
  Dimension to =
      addresses_of(considered, [](const Rule& rule) -> const AddressSet& { return rule.to.addresses; });
  Dimension ports = ports_of(considered, services);
  std::size_t reported = 0, beyond = 0;
  for (std::uint32_t i = 0; i < considered.size(); ++i) {
    const Bits& f = from.touching(i);
    const Bits& t = to.touching(i);
    const Bits& p = ports.touching(i);
    for (std::size_t w = i / 64; w < f.size(); ++w) {
      std::uint64_t word = f[w] & t[w] & p[w];
      if (w == i / 64) word &= (i % 64 == 63) ? 0 : ~std::uint64_t{0} << (i % 64 + 1);  // pairs once
      for (; word != 0; word &= word - 1) {
        auto j = static_cast<std::uint32_t>(w * 64 + static_cast<std::size_t>(std::countr_zero(word)));
        if (reported >= kOverlapsMax) {
          ++beyond;
          continue;
        }
        reported +=
            report_overlap(rules_.rules[considered[i]], services[i], rules_.rules[considered[j]], services[j])
                ? 1
                : 0;
      }
    }
  }
  if (beyond != 0) {
    add("rule-overlap", Severity::low, "", Location{.file = rules_.file},
        fmt::format("about {} more pairs of rules overlap", beyond),
        fmt::format("The first {} are listed.", kOverlapsMax), "Start with the rules that are named most often.");
  }
}

template <typename Get>
Dimension Linter::addresses_of(const std::vector<std::uint32_t>& considered, Get get) const {
  struct Less {
    bool operator()(const AddressSet* a, const AddressSet* b) const { return *a < *b; }
  };
  std::map<const AddressSet*, std::uint32_t, Less> ids;
  std::vector<std::uint32_t> values;
  Touching<Address> touching;
  for (std::uint32_t r : considered) {
    const AddressSet& set = get(rules_.rules[r]);
    auto [at, fresh] = ids.emplace(&set, static_cast<std::uint32_t>(ids.size()));
    if (fresh)
      for (const AddressRange& range : set.ranges()) touching.add(range.first, range.last, at->second);
    values.push_back(at->second);
  }
  std::size_t n = ids.size();
  return Dimension(std::move(values), touching.neighbours(n));
}

Dimension Linter::ports_of(const std::vector<std::uint32_t>& considered, std::vector<std::uint32_t>& values) {
  for (std::uint32_t r : considered) values.push_back(speech_.add(rules_.rules[r].services));
  Touching<std::uint32_t> touching;
  for (std::uint32_t id = 0; id < speech_.size(); ++id) {
    auto add_ports = [&](Protocol protocol, const PortSet& ports) {
      std::uint32_t base = protocol.number() * 65536U;
      for (const PortRange& r : ports.ranges()) touching.add(base + r.first.number(), base + r.last.number(), id);
    };
    for (std::uint32_t index : speech_.list(id)) {
      const Service& s = rules_.services.at(index);
      if (s.all) touching.add(0, 256U * 65536U - 1, id);
      add_ports(Protocol::tcp, s.tcp.unite(s.related_tcp));
      add_ports(Protocol::udp, s.udp.unite(s.related_udp));
      add_ports(Protocol::sctp, s.sctp);
      add_ports(Protocol::icmp, IcmpSet::of(s.icmp).numbers());
      add_ports(Protocol::icmpv6, IcmpSet::of(s.icmpv6).numbers());
      for (Protocol protocol : s.ip) add_ports(protocol, PortSet::all());
    }
  }
  return Dimension(values, touching.neighbours(speech_.size()));
}

bool Linter::report_overlap(const Rule& a, std::uint32_t a_services, const Rule& b, std::uint32_t b_services) {
  Lie how = lie(speech_, a_services, a, b_services, b);
  if (!how.overlap) return false;
  std::string title, cause, remedy;
  if (how.first_in_second && how.second_in_first) {
    title = fmt::format("{} and {} approve the same", a.id, b.id);
    cause = "They are duplicates: the same sources, destinations and ports.";
    remedy = "Keep one, and retire the other's id.";
  } else if (how.first_in_second || how.second_in_first) {
    const Rule& inner = how.first_in_second ? a : b;
    const Rule& outer = how.first_in_second ? b : a;
    title = fmt::format("{} is covered by {}", inner.id, outer.id);
    cause = fmt::format("Everything that {} approves, {} approves as well: retiring {} would close nothing.",
                        inner.id, outer.id, inner.id);
    remedy = fmt::format("Retire {}, or narrow {}.", inner.id, outer.id);
  } else {
    title = fmt::format("{} and {} overlap", a.id, b.id);
    cause = "Some packets are approved by both, so retiring either leaves them open.";
    remedy = "Narrow one of them.";
  }
  const Rule& later = b;  // the second in the file is where the reader would look
  LintFinding& finding = add("rule-overlap", Severity::low, later.id, later.where, title, cause, remedy);
  finding.related_rules = {a.id};
  finding.sample = speech_.sample(a_services, b_services, a.from.addresses.intersect(b.from.addresses),
                                  a.to.addresses.intersect(b.to.addresses));
  return true;
}

void Linter::forbidden() {
  std::vector<std::uint32_t> services;
  for (const Rule& rule : rules_.rules) services.push_back(speech_.add(rule.services));
  for (const ForbiddenEntry& entry : rules_.forbidden) {
    std::uint32_t entry_services = speech_.add(entry.services);
    Rule as_rule;
    as_rule.from.addresses = entry.from.addresses;
    as_rule.to.addresses = entry.to.addresses;
    for (std::size_t r = 0; r < rules_.rules.size(); ++r) {
      const Rule& rule = rules_.rules[r];
      if (states_[r].status == RuleStatus::expired || states_[r].status == RuleStatus::proposed) continue;
      if (std::find(entry.except_rules.begin(), entry.except_rules.end(), rule.id) != entry.except_rules.end())
        continue;
      if (!touch(rule.from.addresses, entry.from.addresses) || !touch(rule.to.addresses, entry.to.addresses))
        continue;
      Lie how = lie(speech_, services[r], rule, entry_services, as_rule);
      if (!how.overlap || wholly_lifted(rule, services[r], entry)) continue;
      LintFinding& finding =
          add("rule-forbidden", Severity::medium, rule.id, rule.where,
              fmt::format("{} approves what {} forbids", rule.id, entry.id),
              how.first_in_second ? fmt::format("All of it is forbidden, so {} approves nothing.", rule.id)
                                  : "The entry wins where the two meet.",
              fmt::format("Narrow {}, or name it in {}'s `except_rules`, or ask for an exception.", rule.id,
                          entry.id));
      finding.related_rules = {entry.id};
      finding.sample =
          speech_.sample(services[r], entry_services, rule.from.addresses.intersect(entry.from.addresses),
                         rule.to.addresses.intersect(entry.to.addresses));
    }
  }
}

bool Linter::touch(const AddressSet& a, const AddressSet& b) {
  auto x = a.ranges().begin();
  auto y = b.ranges().begin();
  while (x != a.ranges().end() && y != b.ranges().end()) {
    if (x->last < y->first) {
      ++x;
    } else if (y->last < x->first) {
      ++y;
    } else {
      return true;
    }
  }
  return false;
}

bool Linter::wholly_lifted(const Rule& rule, std::uint32_t services, const ForbiddenEntry& entry) {
  return std::any_of(rules_.exceptions.begin(), rules_.exceptions.end(), [&](const Exception& x) {
    return x.of == entry.id && state_of(rules_, x, at_).in_force() &&
           lie(speech_, services, rule, speech_.add(x.rule.services), x.rule).first_in_second;
  });
}

void Linter::bounds(const Exception& x) {
  auto entry = std::find_if(rules_.forbidden.begin(), rules_.forbidden.end(),
                            [&](const ForbiddenEntry& f) { return f.id == x.of; });
  if (entry == rules_.forbidden.end()) return;  // the reader has said so
  Rule as_rule;
  as_rule.from.addresses = entry->from.addresses;
  as_rule.to.addresses = entry->to.addresses;
  Lie how = lie(speech_, speech_.add(x.rule.services), x.rule, speech_.add(entry->services), as_rule);
  if (how.first_in_second) return;
  LintFinding& finding =
      add("exception-unbounded", Severity::medium, x.rule.id, x.rule.where,
          how.overlap ? fmt::format("{} reaches beyond {}", x.rule.id, x.of)
                      : fmt::format("{} lifts nothing of {}", x.rule.id, x.of),
          "An exception lifts and approves inside the entry it narrows, and nothing outside it.",
          "Narrow it, or write a rule for the rest.");
  finding.related_rules = {x.of};
}

}  // namespace demarc
