// Complaints about the documentation itself. Overlap is asked of every pair of rules, and ten thousand rules have
// fifty million pairs; so for each distinct `from`, `to` and list of services a sweep over ranges says which others
// it touches, as a row of bits over the rules. The rules that may overlap one rule are three such rows, and-ed;
// only those are compared exactly.
#include "rules/policy/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "rules/policy/approval.h"
#include "rules/space/packet_set.h"

namespace demarc {

namespace {

constexpr std::size_t kOverlapsMax = 1000;  // pairs reported one by one

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

// --- Overlap
// ----------------------------------------------------------------------------------------------------------

using Bits = std::vector<std::uint64_t>;

/// Distinct values with ranges on a line; which of them touch.
template <typename Point>
class Touching {
 public:
  struct Range {
    Point first, last;
    std::uint32_t id;
  };
  void add(const Point& first, const Point& last, std::uint32_t id) { ranges_.push_back({first, last, id}); }
  /// For each id the ids it touches, itself included.
  std::vector<std::vector<std::uint32_t>> neighbours(std::size_t ids) {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
    std::vector<std::vector<std::uint32_t>> out(ids);
    std::vector<Range> open;
    for (const Range& range : ranges_) {
      std::erase_if(open, [&](const Range& o) { return o.last < range.first; });
      for (const Range& o : open) {
        out[o.id].push_back(range.id);
        out[range.id].push_back(o.id);
      }
      out[range.id].push_back(range.id);
      open.push_back(range);
      tidy_if_large(out[range.id]);
    }
    for (std::vector<std::uint32_t>& list : out) tidy(list);
    return out;
  }

 private:
  static void tidy(std::vector<std::uint32_t>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  static void tidy_if_large(std::vector<std::uint32_t>& list) {
    if (list.size() > 65536 && std::has_single_bit(list.size())) tidy(list);
  }
  std::vector<Range> ranges_;
};

/// One dimension of the rules: the value each has, and for a value the rules it touches.
class Dimension {
 public:
  Dimension(std::vector<std::uint32_t> value_of, std::vector<std::vector<std::uint32_t>> neighbours)
      : value_of_(std::move(value_of)),
        neighbours_(std::move(neighbours)),
        having_(neighbours_.size()),
        rows_(neighbours_.size()) {
    for (std::uint32_t r = 0; r < value_of_.size(); ++r) having_[value_of_[r]].push_back(r);
  }
  const Bits& touching(std::uint32_t rule) {
    Bits& row = rows_[value_of_[rule]];
    if (row.empty()) {
      std::size_t words = (value_of_.size() + 63) / 64;
      constexpr std::size_t kWordsMax = 8U << 20;  // 64 MB
      if ((kept_ += words) > kWordsMax) {
        for (Bits& other : rows_) other.clear();
        kept_ = words;
      }
      row.assign(words, 0);
      for (std::uint32_t value : neighbours_[value_of_[rule]])
        for (std::uint32_t r : having_[value]) row[r / 64] |= std::uint64_t{1} << (r % 64);
    }
    return row;
  }

 private:
  std::vector<std::uint32_t> value_of_;
  std::vector<std::vector<std::uint32_t>> neighbours_, having_;
  std::vector<Bits> rows_;
  std::size_t kept_ = 0;
};

/// What services say, without addresses, as sets of packets; lists of services by number.
class Speech {
 public:
  explicit Speech(const RuleSet& rules)
      : rules_(&rules), ipv4_(family_set(Family::ipv4)), ipv6_(family_set(Family::ipv6)) {}

  std::uint32_t add(std::vector<std::uint32_t> services) {
    std::sort(services.begin(), services.end());
    services.erase(std::unique(services.begin(), services.end()), services.end());
    auto [at, fresh] = numbers_.emplace(services, static_cast<std::uint32_t>(lists_.size()));
    if (fresh) lists_.push_back(services);
    return at->second;
  }
  const std::vector<std::uint32_t>& list(std::uint32_t id) const { return lists_[id]; }
  std::size_t size() const { return lists_.size(); }

  struct Relation {
    bool overlap[2] = {false, false};  // IPv4, IPv6
    bool first_in_second[2] = {false, false}, second_in_first[2] = {false, false};
  };
  const Relation& relation(std::uint32_t a, std::uint32_t b) {
    auto [at, fresh] = relations_.try_emplace(std::uint64_t{a} << 32 | b);
    if (fresh) {
      for (int f = 0; f < 2; ++f) {
        PacketSet x = set(a) & (f == 0 ? ipv4_ : ipv6_), y = set(b) & (f == 0 ? ipv4_ : ipv6_);
        at->second.overlap[f] = x.overlaps(y);
        at->second.first_in_second[f] = y.contains(x);
        at->second.second_in_first[f] = x.contains(y);
      }
    }
    return at->second;
  }
  /// A packet that both lists of services have, with these ends; none if they have none in common.
  std::optional<Packet> sample(std::uint32_t a, std::uint32_t b, const AddressSet& from, const AddressSet& to) {
    Box ends;
    ends.sources = from;
    ends.destinations = to;
    std::optional<ConcretePacket> found = (set(a) & set(b) & space_.of(ends)).sample();
    if (!found) return std::nullopt;
    return found->packet;
  }

 private:
  PacketSet family_set(Family family) {
    Box box;
    box.family = family;
    return space_.of(box);
  }
  const PacketSet& set(std::uint32_t id) {
    auto [at, fresh] = sets_.try_emplace(id);
    if (fresh) at->second = space_.of(opening_boxes(*rules_, lists_[id], AddressSet::all(), AddressSet::all()));
    return at->second;
  }
  const RuleSet* rules_;
  PacketSpace space_;
  PacketSet ipv4_, ipv6_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> numbers_;
  std::vector<std::vector<std::uint32_t>> lists_;
  std::unordered_map<std::uint32_t, PacketSet> sets_;
  std::unordered_map<std::uint64_t, Relation> relations_;
};

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

class Linter {
 public:
  Linter(const RuleSet& rules, Timestamp at, const BreadthLimits& limits)
      : rules_(rules), at_(at), limits_(limits), today_(rules.time_zone.date(at)), speech_(rules) {}

  std::vector<LintFinding> run() {
    for (const Rule& rule : rules_.rules) states_.push_back(state_of(rules_, rule, at_));
    for (std::size_t i = 0; i < rules_.rules.size(); ++i) {
      dates_and_approvals(rules_.rules[i], states_[i], "rule");
      breadth(rules_.rules[i]);
      temporary(rules_.rules[i]);
    }
    for (const Exception& x : rules_.exceptions) {
      dates_and_approvals(x.rule, state_of(rules_, x, at_), "exception");
      bounds(x);
    }
    overlaps();
    forbidden();
    accepted();
    retired();
    unused();
    if (rules_.people.empty() && !rules_.review.approval_roles.empty()) {
      add("people-undeclared", Severity::info, "", Location{.file = rules_.file},
          "nobody is declared who may approve",
          "The rule set has no `people`, so names in approvals are taken as they stand.",
          "Declare who may approve for which role under `people`.");
    }
    std::stable_sort(out_.begin(), out_.end(), [](const LintFinding& a, const LintFinding& b) {
      return std::tie(a.where.file, a.where.line, a.where.column, a.kind, a.rule, a.title) <
             std::tie(b.where.file, b.where.line, b.where.column, b.kind, b.rule, b.title);
    });
    return std::move(out_);
  }

 private:
  LintFinding& add(std::string kind, Severity severity, std::string rule, const Location& where, std::string title,
                   std::string cause, std::string remedy) {
    out_.push_back({std::move(kind),
                    severity,
                    std::move(rule),
                    where,
                    std::move(title),
                    std::move(cause),
                    std::move(remedy),
                    {},
                    std::nullopt});
    return out_.back();
  }

  void dates_and_approvals(const Rule& rule, const RuleState& state, std::string_view what) {
    if (rule.from.addresses.empty() || rule.to.addresses.empty()) {
      add("rule-empty", Severity::low, rule.id, rule.where,
          fmt::format("{} approves nothing: its `{}` has no address", rule.id,
                      rule.from.addresses.empty() ? "from" : "to"),
          "A name in it stands for no address.", "Give the host an address, or remove the rule.");
    }
    if (rule.proposed) return;  // nobody has promised anything yet
    std::vector<std::string> missing, invalid;
    Location invalid_at;
    bool harmless = true;
    for (const ApprovalProblem& problem : state.problems) {
      if (problem.is_missing()) {
        missing.push_back(problem.role);
      } else if (problem.kind == ApprovalProblem::Kind::expiry_missing) {
        add("approval-invalid", Severity::medium, rule.id, rule.where, fmt::format("{} has no end", rule.id),
            "An exception always expires.", "Give it `expires`.");
      } else {
        if (invalid.empty()) invalid_at = problem.where;
        invalid.push_back(problem.sentence);
        harmless &= problem.is_harmless();
      }
    }
    if (!missing.empty()) {
      add("approval-missing", Severity::medium, rule.id, rule.where,
          fmt::format("{} lacks the approval of {}", rule.id, listed(missing)),
          fmt::format("The review policy wants one approval for each role; without it the {} is not in force.",
                      what),
          "Have it approved, or withdraw it.");
    }
    if (!invalid.empty()) {
      add("approval-invalid", harmless ? Severity::low : Severity::medium, rule.id,
          invalid_at.line == 0 ? rule.where : invalid_at,
          fmt::format("{} has an approval that does not count", rule.id),
          fmt::format("{}.", fmt::join(invalid, "; ")), "Have it approved by somebody who may.");
    }
    if (rule.expires && at_ >= rules_.time_zone.end_of(*rule.expires)) {
      add("rule-expired", Severity::medium, rule.id, rule.where,
          fmt::format("{} expired on {}", rule.id, to_string(*rule.expires)),
          fmt::format("What it approved is approved no longer ({} days ago).", days_between(*rule.expires, today_)),
          fmt::format("Close the port and remove the {}, or have it approved again with a new date.", what));
      return;
    }
    if (rule.expires && *rule.expires <= today_ + rules_.review.warn_before) {
      add("review-due", Severity::info, rule.id, rule.where,
          fmt::format("{} expires on {}", rule.id, to_string(*rule.expires)),
          fmt::format("{} days are left.", days_between(today_, *rule.expires)),
          "Decide now whether it ends or is approved again.");
    }
    ReviewState review = review_of(rules_, rule);
    if (!review.due) return;
    std::string last = review.last ? fmt::format("It was last looked at on {}.", to_string(*review.last))
                                   : "Nobody has looked at it yet.";
    if (*review.due < today_) {
      add("review-overdue", Severity::low, rule.id, rule.where,
          fmt::format("{} was due for review on {}", rule.id, to_string(*review.due)), last,
          "Review it: keep, narrow or retire, and write the decision under `reviewed`.");
    } else if (*review.due <= today_ + rules_.review.warn_before) {
      add("review-due", Severity::info, rule.id, rule.where,
          fmt::format("{} is due for review on {}", rule.id, to_string(*review.due)), last, "Plan its review.");
    }
  }

  // --- Breadth ---

  void breadth(const Rule& rule) {
    std::vector<std::string> why;
    bool icmp_only = true;
    for (std::uint32_t index : rule.services) {
      const Service& s = rules_.services.at(index);
      icmp_only &= !s.all && s.tcp.empty() && s.udp.empty() && s.sctp.empty() && s.ip.empty();
      if (s.all) why.push_back(fmt::format("service {} is every protocol and port", s.name));
      for (Protocol protocol : s.ip)
        if (protocol.has_ports() || protocol.is_icmp())
          why.push_back(fmt::format("service {} is all of {}", s.name, to_string(protocol)));
      auto wide = [&](std::string_view protocol, const PortSet& ports) {
        if (ports.size() > limits_.ports_max)
          why.push_back(fmt::format("service {} has {} {} ports", s.name, ports.size(), protocol));
      };
      wide("TCP", s.tcp);
      wide("UDP", s.udp);
    }
    bool from_any = false, to_any = false;
    for (const std::string& name : rule.from.names)
      if (const Zone* zone = rules_.zone(name)) from_any |= zone->any;
    for (const std::string& name : rule.to.names) {
      if (const Zone* zone = rules_.zone(name)) {
        to_any |= zone->any;
        // A whole zone may well be pinged; it seldom is one server.
        if (!zone->any && !icmp_only) why.push_back(fmt::format("`to` is the whole zone {}", name));
      } else if (Result<Prefix> prefix = parse_prefix(name)) {
        unsigned length_min = prefix->family() == Family::ipv4
                                  ? 32U - static_cast<unsigned>(std::bit_width(limits_.addresses_max_ipv4) - 1)
                                  : 112U;
        if (prefix->length() < length_min) why.push_back(fmt::format("`to` is {}", name));
      }
    }
    if (from_any && to_any) why.push_back("it goes from anywhere to anywhere");
    if (why.empty()) return;
    add("rule-broad", Severity::low, rule.id, rule.where,
        fmt::format("{} is broader than a service needs", rule.id), fmt::format("{}.", fmt::join(why, "; ")),
        "Name the hosts that answer and the ports they answer on.");
  }

  void temporary(const Rule& rule) {
    bool tagged = std::any_of(rule.tags.begin(), rule.tags.end(),
                              [](const std::string& tag) { return tag == "temporary" || tag == "temp"; });
    if (rule.temporary_until) {
      if (*rule.temporary_until < today_) {
        add("rule-temporary", Severity::low, rule.id, rule.where,
            fmt::format("{} was to be temporary until {}", rule.id, to_string(*rule.temporary_until)),
            fmt::format("That was {} days ago, and it is still there.",
                        days_between(*rule.temporary_until, today_)),
            "Remove it, or have it approved as a lasting rule.");
      }
    } else if ((rule.temporary || tagged) && !rule.expires) {
      add("rule-temporary", Severity::low, rule.id, rule.where,
          fmt::format("{} is temporary and has no end", rule.id),
          "A temporary rule without a date stays until somebody stumbles over it.", "Give it `expires`.");
    }
  }

  // --- Against each other ---

  void overlaps() {
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
  Dimension addresses_of(const std::vector<std::uint32_t>& considered, Get get) const {
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

  /// Ports on a line: protocol x 65,536 + port. Source ports do not count here, the exact comparison knows them.
  Dimension ports_of(const std::vector<std::uint32_t>& considered, std::vector<std::uint32_t>& values) {
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

  bool report_overlap(const Rule& a, std::uint32_t a_services, const Rule& b, std::uint32_t b_services) {
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

  /// Rules that approve what an entry forbids: by semantics.md the entry wins, and the rule promises what does not
  /// hold.
  void forbidden() {
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

  /// Do two sets share an address? Without building the intersection: most pairs share none.
  static bool touch(const AddressSet& a, const AddressSet& b) {
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

  bool wholly_lifted(const Rule& rule, std::uint32_t services, const ForbiddenEntry& entry) {
    return std::any_of(rules_.exceptions.begin(), rules_.exceptions.end(), [&](const Exception& x) {
      return x.of == entry.id && state_of(rules_, x, at_).in_force() &&
             lie(speech_, services, rule, speech_.add(x.rule.services), x.rule).first_in_second;
    });
  }

  void bounds(const Exception& x) {
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

  // --- Names ---

  void accepted() {
    for (const AcceptedFinding& a : rules_.accepted) {
      std::string what = fmt::format("the accepted finding {}",
                                     !a.id.empty() ? a.id : listed(non_empty({a.kind, a.rule, a.target})));
      if (at_ >= rules_.time_zone.end_of(a.expires)) {
        add("accepted-expired", Severity::low, a.rule, a.where,
            fmt::format("{} was accepted until {}", what, to_string(a.expires)), "It fails verdicts again.",
            "Repair it, or have it accepted again.");
      }
      if (a.approved.empty()) {
        add("approval-missing", Severity::medium, a.rule, a.where, fmt::format("nobody approved {}", what),
            "An accepted finding needs somebody who answers for it.", "Have it approved.");
      }
      for (const Approval& approval : a.approved) {
        const Person* person = rules_.person(approval.by);
        if (rules_.people.empty()) continue;
        if (person == nullptr ||
            std::find(person->roles.begin(), person->roles.end(), approval.role) == person->roles.end()) {
          add("approval-invalid", Severity::medium, a.rule, a.where,
              fmt::format("{} has an approval that does not count", what),
              fmt::format("{} may not approve for {}.", approval.by, approval.role),
              "Have it approved by somebody who may.");
        }
      }
      if (!a.rule.empty() && rules_.rule(a.rule) == nullptr && !is_forbidden_id(a.rule)) {
        add("name-unused", Severity::info, a.rule, a.where,
            fmt::format("{} names a rule that does not exist", what), "It can never match a finding of that rule.",
            "Remove it.");
      }
    }
  }

  static std::vector<std::string> non_empty(std::vector<std::string> list) {
    std::erase(list, "");
    return list;
  }

  bool is_forbidden_id(std::string_view id) const {
    return std::any_of(rules_.forbidden.begin(), rules_.forbidden.end(),
                       [&](const ForbiddenEntry& f) { return f.id == id; });
  }

  void retired() {
    for (const RetiredId& r : rules_.retired) {
      const Rule* rule = rules_.rule(r.id);
      if (rule == nullptr) continue;
      LintFinding& finding = add("id-retired", Severity::medium, r.id, rule->where,
                                 fmt::format("{} was retired on {} and is used again", r.id, to_string(r.removed)),
                                 "Old reports and tickets mean another rule by it.", "Give the new rule a new id.");
      finding.related_rules = {r.id};
    }
  }

  void refer(const EndpointSet& ends) {
    for (const std::string& name : ends.names) refer(name);
    used_addresses_.push_back(&ends.addresses);
  }
  void refer(std::string_view name) {
    used_.emplace(name);
    if (name.starts_with("vantage:")) used_.emplace(name.substr(8));
    if (std::size_t dot = name.find('.'); dot != std::string_view::npos) used_.emplace(name.substr(0, dot));
  }

  void unused() {
    std::vector<bool> services(rules_.services.size());
    auto refer_rule = [&](const std::vector<std::uint32_t>& list, const EndpointSet& from, const EndpointSet& to) {
      for (std::uint32_t s : list) services.at(s) = true;
      refer(from);
      refer(to);
    };
    std::unordered_set<std::string> people;
    auto refer_people = [&](const Rule& rule) {
      for (const Approval& a : rule.approved) people.insert(a.by);
      for (const ReviewEntry& r : rule.reviewed) people.insert(r.by);
      for (const auto& [vantage, expectation] : rule.expect) refer(vantage);
    };
    for (const Rule& rule : rules_.rules) {
      refer_rule(rule.services, rule.from, rule.to);
      refer_people(rule);
    }
    for (const Exception& x : rules_.exceptions) {
      refer_rule(x.rule.services, x.rule.from, x.rule.to);
      refer_people(x.rule);
    }
    for (const ForbiddenEntry& f : rules_.forbidden) refer_rule(f.services, f.from, f.to);
    for (const AcceptedFinding& a : rules_.accepted)
      for (const Approval& approval : a.approved) people.insert(approval.by);
    people.insert(rules_.scope.authorised_by);
    for (const Group& g : rules_.groups) refer(g.members);
    refer(rules_.scope.targets);
    refer(rules_.scope.exclude);
    for (const std::string& v : rules_.scope.vantage_targets) refer(v.starts_with("vantage:") ? v : "vantage:" + v);
    for (const std::string& v : rules_.coverage.vantages) refer(v);
    for (const Vantage& v : rules_.vantages) refer(v.zone);
    for (const Sensor& s : rules_.sensors) {
      for (const auto& [a, b] : s.sees) {
        refer(a);
        refer(b);
      }
    }
    for (const Path& p : rules_.paths) {
      refer(p.from);
      refer(p.to);
    }
    for (const DeclaredDevice& d : rules_.devices) refer(d.name);
    for (const Translation& t : rules_.translations) {
      refer(t.real_name);
      refer(t.from);
    }
    for (const SourceTranslation& t : rules_.source_translations) {
      refer(t.real);
      refer(t.to);
    }
    for (const Vip& v : rules_.vips) {
      refer(v.members);
      for (const std::string& name : v.services)
        if (const Service* s = rules_.service(name))
          services[static_cast<std::size_t>(s - rules_.services.data())] = true;
    }
    auto report = [&](std::string_view what, const std::string& name, const Location& where) {
      add("name-unused", Severity::info, name, where, fmt::format("{} {} is never used", what, name),
          "Nothing in the rule set refers to it.", "Remove it, or use it.");
    };
    for (const Zone& z : rules_.zones)
      if (!used_.contains(z.name) && !z.any) report("zone", z.name, z.where);
    for (const Group& g : rules_.groups)
      if (!used_.contains(g.name)) report("group", g.name, g.members.where);
    for (const Vantage& v : rules_.vantages)
      if (!used_.contains(v.name)) report("vantage point", v.name, v.where);
    for (std::size_t s = 0; s < services.size(); ++s)
      if (!services[s]) report("service", rules_.services[s].name, rules_.services[s].where);
    for (const Person& p : rules_.people)
      if (!people.contains(p.name)) report("person", p.name, p.where);
    // A host is an entry of the inventory: it is of use if any rule, entry or the scope speaks of its addresses.
    std::vector<AddressRange> all;
    for (const AddressSet* set : used_addresses_) all.insert(all.end(), set->ranges().begin(), set->ranges().end());
    const AddressSet spoken_of = AddressSet::of_ranges(std::move(all));
    for (const Host& h : rules_.hosts) {
      if (used_.contains(h.name) || h.care != Care::normal) continue;
      std::vector<Address> addresses = h.all_addresses();
      if (std::none_of(addresses.begin(), addresses.end(), [&](const Address& a) { return spoken_of.contains(a); }))
        report("host", h.name, h.where);
    }
  }

  const RuleSet& rules_;
  Timestamp at_;
  BreadthLimits limits_;
  Date today_;
  Speech speech_;
  std::vector<RuleState> states_;
  std::unordered_set<std::string> used_;
  std::vector<const AddressSet*> used_addresses_;
  std::vector<LintFinding> out_;
};

}  // namespace

std::vector<LintFinding> lint(const RuleSet& rules, Timestamp at, const BreadthLimits& limits) {
  return Linter(rules, at, limits).run();
}

}  // namespace demarc
