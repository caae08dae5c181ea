// What is approved at one instant, as sets and by look-up.
//
// The sets are unions and differences of boxes. The look-ups answer the same questions for a million single
// packets, so they take another way: rule sets repeat themselves (the same groups and zones stand in hundreds of
// rules), so equal address sets get one number, and a packet is reduced to
//     source      -> the numbers of the `from` sets that hold it
//     destination -> the numbers of the `to` sets that hold it
//     protocol and port -> the services that speak it
// The entries that match are then a few look-ups of (to, from) pairs and services. All addresses between two
// neighbouring ends of ranges behave alike, and so do ports: what was found is remembered by these classes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "rules/net/address_intervals.h"
#include "rules/policy/approval.h"

namespace demarc {

namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

std::size_t mix(std::size_t h, std::uint64_t value) {
  h ^= value + 0x9E3779B97F4A7C15ULL + (h << 6) + (h >> 2);
  return h * 0xD6E8FEB86659FD93ULL;
}

/// Address sets by number, and which of them hold an address: a segment tree over the elementary intervals.
class SetTable {
 public:
  std::uint32_t add(const AddressSet& set) {
    std::size_t h = set.ranges().size();
    for (const AddressRange& r : set.ranges())
      h = mix(mix(mix(h, r.first.low()), r.first.high() ^ r.last.high()), r.last.low());
    auto [begin, end] = by_hash_.equal_range(h);
    for (auto it = begin; it != end; ++it)
      if (*sets_[it->second] == set) return it->second;
    auto number = static_cast<std::uint32_t>(sets_.size());
    sets_.push_back(&set);
    by_hash_.emplace(h, number);
    return number;
  }

  void build() {
    std::vector<Address> cuts;
    for (const AddressSet* set : sets_) {
      for (const AddressRange& r : set->ranges()) {
        cuts.push_back(r.first);
        if (Address end = r.last; next_address(end)) cuts.push_back(end);
      }
    }
    intervals_ = AddressIntervals(std::move(cuts));
    std::size_t n = intervals_.size();
    tree_.resize(2 * n);
    holders_.resize(n);
    known_.resize(n, false);
    for (std::uint32_t number = 0; number < sets_.size(); ++number) {
      for (const AddressRange& r : sets_[number]->ranges()) {
        std::size_t left = slot(r.first) + n, right = slot(r.last) + 1 + n;
        for (; left < right; left >>= 1, right >>= 1) {
          if (left & 1) tree_[left++].push_back(number);
          if (right & 1) tree_[--right].push_back(number);
        }
      }
    }
  }

  /// The elementary interval: addresses of one slot are in the same sets.
  std::uint32_t slot(const Address& a) const { return intervals_.find(a); }
  const std::vector<std::uint32_t>& holders(std::uint32_t slot) {
    if (!known_[slot]) {
      known_[slot] = true;
      for (std::size_t node = slot + std::size_t{intervals_.size()}; node >= 1; node >>= 1)
        holders_[slot].insert(holders_[slot].end(), tree_[node].begin(), tree_[node].end());
    }
    return holders_[slot];
  }
  std::size_t size() const { return sets_.size(); }

 private:
  std::vector<const AddressSet*> sets_;
  std::unordered_multimap<std::size_t, std::uint32_t> by_hash_;
  AddressIntervals intervals_;
  std::vector<std::vector<std::uint32_t>> tree_, holders_;
  std::vector<bool> known_;
};

/// The ports a service answers on (ICMP: type << 8 | code); `all` and whole protocols are every number.
PortSet ports_of(const Service& s, Protocol protocol) {
  if (s.all || std::find(s.ip.begin(), s.ip.end(), protocol) != s.ip.end()) return PortSet::all();
  if (protocol == Protocol::tcp) return s.tcp.unite(s.related_tcp);
  if (protocol == Protocol::udp) return s.udp.unite(s.related_udp);
  if (protocol == Protocol::sctp) return s.sctp;
  if (protocol == Protocol::icmp) return IcmpSet::of(s.icmp).numbers();
  if (protocol == Protocol::icmpv6) return IcmpSet::of(s.icmpv6).numbers();
  return {};
}

/// Which services speak a port of one protocol: every port has a class, every class a list of services.
struct PortClasses {
  std::vector<std::uint32_t> of_port;                // 65,536
  std::vector<std::vector<std::uint32_t>> services;  // by class
  std::vector<bool> by_source_port;                  // by class: some service of it fixes the source port

  PortClasses(const RuleSet& rules, Protocol protocol) : of_port(65536) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> begins, ends;  // port, service
    std::vector<std::uint32_t> cuts{0};
    for (std::uint32_t s = 0; s < rules.services.size(); ++s) {
      const PortSet ports = ports_of(rules.services[s], protocol);
      for (const PortRange& r : ports.ranges()) {
        begins.emplace_back(r.first.number(), s);
        ends.emplace_back(r.last.number() + 1U, s);
        cuts.push_back(r.first.number());
        cuts.push_back(r.last.number() + 1U);
      }
    }
    std::sort(begins.begin(), begins.end());
    std::sort(ends.begin(), ends.end());
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    std::map<std::vector<std::uint32_t>, std::uint32_t> classes;
    std::vector<std::uint32_t> now;  // sorted
    auto begin = begins.begin();
    auto end = ends.begin();
    for (std::size_t i = 0; i < cuts.size() && cuts[i] < 65536; ++i) {
      for (; end != ends.end() && end->first <= cuts[i]; ++end)
        now.erase(std::lower_bound(now.begin(), now.end(), end->second));
      for (; begin != begins.end() && begin->first <= cuts[i]; ++begin)
        now.insert(std::lower_bound(now.begin(), now.end(), begin->second), begin->second);
      auto [found, fresh] = classes.emplace(now, static_cast<std::uint32_t>(services.size()));
      if (fresh) {
        services.push_back(now);
        by_source_port.push_back(std::any_of(
            now.begin(), now.end(), [&](std::uint32_t s) { return rules.services[s].source_ports.has_value(); }));
      }
      std::uint32_t last = i + 1 < cuts.size() ? std::min<std::uint32_t>(cuts[i + 1], 65536) : 65536;
      std::fill(of_port.begin() + cuts[i], of_port.begin() + last, found->second);
    }
  }
};

/// A rule, an exception or a forbidden entry.
struct Entry {
  enum class Kind : std::uint8_t { rule, exception, forbidden } kind;
  std::uint32_t number;
  const std::vector<std::uint32_t>* services;
  std::uint32_t from, to;  // into the set tables
};

std::uint16_t port_number(const Packet& packet) {
  if (packet.protocol.is_icmp())
    return static_cast<std::uint16_t>(packet.icmp.type << 8 | packet.icmp.code.value_or(0));
  return packet.protocol.has_ports() ? packet.port.number() : std::uint16_t{0};
}

}  // namespace

class Documented::Index {
 public:
  Index(const RuleSet& rules_in, Timestamp at_in) : rules(&rules_in), at(at_in) {
    for (const Rule& rule : rules->rules) states.push_back(state_of(*rules, rule, at));
    for (const Exception& x : rules->exceptions) exception_states.push_back(state_of(*rules, x, at));
    auto add = [&](Entry::Kind kind, std::size_t number, const std::vector<std::uint32_t>& services,
                   const EndpointSet& from, const EndpointSet& to) {
      entries_.push_back(
          {kind, static_cast<std::uint32_t>(number), &services, from_.add(from.addresses), to_.add(to.addresses)});
    };
    for (std::size_t i = 0; i < rules->rules.size(); ++i)
      add(Entry::Kind::rule, i, rules->rules[i].services, rules->rules[i].from, rules->rules[i].to);
    for (std::size_t i = 0; i < rules->exceptions.size(); ++i) {
      const Rule& rule = rules->exceptions[i].rule;
      add(Entry::Kind::exception, i, rule.services, rule.from, rule.to);
    }
    for (std::size_t i = 0; i < rules->forbidden.size(); ++i) {
      const ForbiddenEntry& f = rules->forbidden[i];
      add(Entry::Kind::forbidden, i, f.services, f.from, f.to);
    }
    from_.build();
    to_.build();
    for (std::uint32_t e = 0; e < entries_.size(); ++e) {
      auto [pair, fresh] =
          pairs_.emplace(key(entries_[e].to, entries_[e].from), static_cast<std::uint32_t>(pairs_.size()));
      if (fresh) pair_entries_.emplace_back();
      pair_entries_[pair->second].push_back(e);
      std::vector<std::uint32_t> services = *entries_[e].services;
      std::sort(services.begin(), services.end());
      services.erase(std::unique(services.begin(), services.end()), services.end());
      for (std::uint32_t s : services) by_service_[key(pair->second, s)].push_back(e);
    }
    std::unordered_map<std::string_view, std::uint32_t> rule_ids, exception_ids, forbidden_ids;
    for (std::uint32_t i = 0; i < rules->rules.size(); ++i) rule_ids.emplace(rules->rules[i].id, i);
    for (std::uint32_t i = 0; i < rules->exceptions.size(); ++i)
      exception_ids.emplace(rules->exceptions[i].rule.id, i);
    for (std::uint32_t i = 0; i < rules->forbidden.size(); ++i) forbidden_ids.emplace(rules->forbidden[i].id, i);
    except_rules.resize(rules->forbidden.size());
    except_exceptions.resize(rules->forbidden.size());
    lifted_by.resize(rules->forbidden.size());
    for (std::uint32_t f = 0; f < rules->forbidden.size(); ++f) {
      for (const std::string& id : rules->forbidden[f].except_rules) {
        if (auto r = rule_ids.find(id); r != rule_ids.end()) except_rules[f].push_back(r->second);
        if (auto x = exception_ids.find(id); x != exception_ids.end()) except_exceptions[f].push_back(x->second);
      }
      std::sort(except_rules[f].begin(), except_rules[f].end());
      std::sort(except_exceptions[f].begin(), except_exceptions[f].end());
    }
    for (std::uint32_t x = 0; x < rules->exceptions.size(); ++x) {
      auto f = forbidden_ids.find(rules->exceptions[x].of);
      exception_of.push_back(f == forbidden_ids.end() ? kNone : f->second);
      if (f != forbidden_ids.end()) lifted_by[f->second].push_back(x);
    }
  }

  const RuleSet* rules;
  Timestamp at;
  std::vector<RuleState> states, exception_states;
  std::vector<std::vector<std::uint32_t>> except_rules, except_exceptions, lifted_by;  // by forbidden entry
  std::vector<std::uint32_t> exception_of;                                             // by exception

  bool excepts_rule(std::uint32_t f, std::uint32_t rule) const {
    return std::binary_search(except_rules[f].begin(), except_rules[f].end(), rule);
  }
  bool excepts_exception(std::uint32_t f, std::uint32_t x) const {
    return std::binary_search(except_exceptions[f].begin(), except_exceptions[f].end(), x);
  }

  const Judgement& judge(const Packet& packet) {
    const PortClasses& classes = classes_of(packet.protocol);
    std::uint32_t port_class = classes.of_port[port_number(packet)];
    bool by_source = classes.by_source_port[port_class] && packet.protocol.has_ports();
    JudgementKey k{from_.slot(packet.source),
                   to_.slot(packet.destination),
                   port_class,
                   packet.protocol.number(),
                   by_source ? packet.source_port.number() : std::uint16_t{0},
                   packet.source.family() == packet.destination.family()};
    auto found = judgements_.find(k);
    if (found != judgements_.end()) return found->second;
    std::vector<std::uint32_t> matched = matching(packet, classes.services[port_class]);
    // Most packets of a scan concern nobody: finding that again is cheaper than remembering it.
    static const Judgement kNothingMatches;
    if (matched.empty()) return kNothingMatches;
    if (judgements_.size() >= kRememberedMax) judgements_.clear();
    return judgements_.emplace(k, judge_entries(matched)).first->second;
  }

  struct Slice {
    PortSet approved, forbidden;
  };
  const Slice& slice(const Address& source, const Address& destination, Protocol protocol) {
    SliceKey k{from_.slot(source), to_.slot(destination), protocol.number(),
               source.family() == destination.family()};
    auto found = slices_.find(k);
    if (found != slices_.end()) return found->second;
    if (slices_.size() >= kRememberedMax) slices_.clear();
    return slices_.emplace(k, k.same_family ? make_slice(source, destination, protocol) : Slice{}).first->second;
  }

  std::optional<NearestRule> nearest(const Packet& packet);

  PortClass port_class(Protocol protocol, std::uint16_t number) {
    const PortClasses& classes = classes_of(protocol);
    const std::uint32_t found = classes.of_port[number];
    return {found, classes.by_source_port[found] && protocol.has_ports()};
  }

 private:
  static constexpr std::size_t kRememberedMax = 200'000;  // answers kept; beyond that they are found again

  struct JudgementKey {
    std::uint32_t from, to, port_class;
    std::uint8_t protocol;
    std::uint16_t source_port;
    bool same_family;
    bool operator==(const JudgementKey&) const = default;
  };
  struct SliceKey {
    std::uint32_t from, to;
    std::uint8_t protocol;
    bool same_family;
    bool operator==(const SliceKey&) const = default;
  };
  struct Hash {
    std::size_t operator()(const JudgementKey& k) const {
      return mix(mix(key(k.from, k.to), k.port_class),
                 std::uint64_t{k.protocol} << 32 | std::uint64_t{k.source_port} << 1 | (k.same_family ? 1U : 0U));
    }
    std::size_t operator()(const SliceKey& k) const {
      return mix(key(k.from, k.to), std::uint64_t{k.protocol} << 1 | (k.same_family ? 1U : 0U));
    }
  };

  static std::uint64_t key(std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} << 32 | b; }

  const PortClasses& classes_of(Protocol protocol) {
    std::unique_ptr<PortClasses>& classes = classes_[protocol.number()];
    if (!classes) classes = std::make_unique<PortClasses>(*rules, protocol);
    return *classes;
  }

  /// The (to, from) pairs that hold both ends. An address is in a handful of sets, so their product is small.
  template <typename F>
  void each_pair(const Address& source, const Address& destination, F f) {
    const std::vector<std::uint32_t>& froms = from_.holders(from_.slot(source));
    for (std::uint32_t to : to_.holders(to_.slot(destination)))
      for (std::uint32_t from : froms)
        if (auto pair = pairs_.find(key(to, from)); pair != pairs_.end()) f(pair->second);
  }

  std::vector<std::uint32_t> matching(const Packet& packet, const std::vector<std::uint32_t>& services) {
    std::vector<std::uint32_t> out;
    if (packet.source.family() != packet.destination.family()) return out;
    each_pair(packet.source, packet.destination, [&](std::uint32_t pair) {
      for (std::uint32_t s : services) {
        auto found = by_service_.find(key(pair, s));
        if (found == by_service_.end()) continue;
        const Service& service = rules->services[s];
        bool fixed =
            service.source_ports && !service.all && packet.protocol.has_ports() && packet.source_port.number() != 0;
        if (fixed && !service.source_ports->contains(packet.source_port)) continue;
        out.insert(out.end(), found->second.begin(), found->second.end());
      }
    });
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  Judgement judge_entries(const std::vector<std::uint32_t>& matched) const {
    Judgement j;
    std::vector<std::uint32_t> live_rules, live_exceptions, entries;
    for (std::uint32_t e : matched) {
      const Entry& entry = entries_[e];
      switch (entry.kind) {
        case Entry::Kind::rule:
          (states[entry.number].in_force() ? live_rules : j.not_in_force).push_back(entry.number);
          break;
        case Entry::Kind::exception:
          (exception_states[entry.number].in_force() ? live_exceptions : j.exceptions_not_in_force)
              .push_back(entry.number);
          break;
        case Entry::Kind::forbidden: entries.push_back(entry.number); break;
      }
    }
    auto lifted = [&](std::uint32_t f) {
      return std::any_of(live_exceptions.begin(), live_exceptions.end(),
                         [&](std::uint32_t x) { return exception_of[x] == f; });
    };
    std::vector<std::uint32_t> standing;  // entries that no exception lifts here
    for (std::uint32_t f : entries)
      if (!lifted(f)) standing.push_back(f);
    for (std::uint32_t r : live_rules) {
      bool cut =
          std::any_of(standing.begin(), standing.end(), [&](std::uint32_t f) { return !excepts_rule(f, r); });
      (cut ? j.overruled : j.approved_by).push_back(r);
    }
    for (std::uint32_t x : live_exceptions) {
      bool inside = std::find(entries.begin(), entries.end(), exception_of[x]) != entries.end();
      bool cut =
          std::any_of(standing.begin(), standing.end(), [&](std::uint32_t f) { return !excepts_exception(f, x); });
      if (inside && !cut) j.approved_by_exception.push_back(x);
    }
    for (std::uint32_t f : entries) {
      bool out =
          lifted(f) ||
          std::any_of(live_rules.begin(), live_rules.end(), [&](std::uint32_t r) { return excepts_rule(f, r); }) ||
          std::any_of(j.approved_by_exception.begin(), j.approved_by_exception.end(),
                      [&](std::uint32_t x) { return excepts_exception(f, x); });
      (out ? j.forbidden_lifted : j.forbidden_by).push_back(f);
    }
    j.approved = !j.approved_by.empty() || !j.approved_by_exception.empty();
    j.forbidden = !j.forbidden_by.empty();
    return j;
  }

  PortSet entry_ports(const Entry& entry, Protocol protocol) const {
    PortSet ports;
    for (std::uint32_t s : *entry.services) ports = ports.unite(ports_of(rules->services[s], protocol));
    return ports;
  }

  Slice make_slice(const Address& source, const Address& destination, Protocol protocol) {
    struct Part {
      std::uint32_t number;
      PortSet ports;
    };
    std::vector<Part> live_rules, live_exceptions, entries;
    each_pair(source, destination, [&](std::uint32_t pair) {
      for (std::uint32_t e : pair_entries_[pair]) {
        const Entry& entry = entries_[e];
        if (entry.kind == Entry::Kind::rule && !states[entry.number].in_force()) continue;
        if (entry.kind == Entry::Kind::exception && !exception_states[entry.number].in_force()) continue;
        PortSet ports = entry_ports(entry, protocol);
        if (ports.empty()) continue;
        (entry.kind == Entry::Kind::rule        ? live_rules
         : entry.kind == Entry::Kind::exception ? live_exceptions
                                                : entries)
            .push_back({entry.number, std::move(ports)});
      }
    });
    // An exception counts inside the entry it narrows only.
    std::vector<Part> inside;
    for (const Part& x : live_exceptions) {
      for (const Part& f : entries)
        if (f.number == exception_of[x.number]) inside.push_back({x.number, x.ports.intersect(f.ports)});
    }
    std::vector<Part> standing;
    for (const Part& f : entries) {
      PortSet ports = f.ports;
      for (const Part& x : inside)
        if (exception_of[x.number] == f.number) ports = ports.minus(x.ports);
      standing.push_back({f.number, std::move(ports)});
    }
    Slice out;
    PortSet plain_cut;  // of the rules that no entry excepts, which is nearly all of them
    for (const Part& f : standing) plain_cut = plain_cut.unite(f.ports);
    PortSet plain;
    for (const Part& r : live_rules) {
      bool excepted = std::any_of(standing.begin(), standing.end(),
                                  [&](const Part& f) { return excepts_rule(f.number, r.number); });
      if (!excepted) {
        plain = plain.unite(r.ports);
        continue;
      }
      PortSet ports = r.ports;
      for (const Part& f : standing)
        if (!excepts_rule(f.number, r.number)) ports = ports.minus(f.ports);
      out.approved = out.approved.unite(ports);
    }
    out.approved = out.approved.unite(plain.minus(plain_cut));
    std::vector<Part> approving;  // exceptions, less other entries
    for (const Part& x : inside) {
      PortSet ports = x.ports;
      for (const Part& f : standing)
        if (!excepts_exception(f.number, x.number)) ports = ports.minus(f.ports);
      out.approved = out.approved.unite(ports);
      approving.push_back({x.number, std::move(ports)});
    }
    for (const Part& f : standing) {
      PortSet ports = f.ports;
      for (const Part& r : live_rules)
        if (excepts_rule(f.number, r.number)) ports = ports.minus(r.ports);
      for (const Part& x : approving)
        if (excepts_exception(f.number, x.number)) ports = ports.minus(x.ports);
      out.forbidden = out.forbidden.unite(ports);
    }
    return out;
  }

  SetTable from_, to_;
  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, std::uint32_t> pairs_;  // (to, from)
  std::vector<std::vector<std::uint32_t>> pair_entries_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_service_;  // (pair, service)
  std::array<std::unique_ptr<PortClasses>, 256> classes_;
  std::unordered_map<JudgementKey, Judgement, Hash> judgements_;
  std::unordered_map<SliceKey, Slice, Hash> slices_;
};

namespace {

std::string shortened(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 4;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

std::string place(const RuleSet& rules, const Address& address) {
  if (std::string known = rules.name_of(address); !known.empty()) return known;
  const Zone* zone = rules.zone_of(address);
  return zone == nullptr ? to_string(address) : fmt::format("{} ({})", zone->name, to_string(address));
}

std::string port_words(const Packet& packet) {
  if (packet.protocol.has_ports()) return fmt::format("{}/{}", to_string(packet.protocol), to_string(packet.port));
  if (packet.protocol.is_icmp()) {
    return fmt::format("{} {}", to_string(packet.protocol),
                       describe(packet.protocol == Protocol::icmp ? Family::ipv4 : Family::ipv6, packet.icmp));
  }
  return to_string(packet.protocol);
}

std::string service_words(const RuleSet& rules, const Rule& rule) {
  std::vector<std::string> parts;
  for (std::uint32_t index : rule.services) {
    const Service& s = rules.services.at(index);
    auto add = [&](std::string_view protocol, const PortSet& ports) {
      if (ports.empty()) return;
      std::string list = to_string(ports);
      parts.push_back(fmt::format("{}/{}", protocol, list.size() > 60 ? s.name : list));
    };
    add("tcp", s.tcp);
    add("udp", s.udp);
    add("sctp", s.sctp);
    for (const IcmpType& type : s.icmp) parts.push_back("icmp " + describe(Family::ipv4, type));
    for (const IcmpType& type : s.icmpv6) parts.push_back("icmpv6 " + describe(Family::ipv6, type));
    for (Protocol protocol : s.ip) parts.push_back(to_string(protocol));
  }
  return shortened(parts);
}

}  // namespace

std::optional<NearestRule> Documented::Index::nearest(const Packet& packet) {
  if (packet.source.family() != packet.destination.family()) return std::nullopt;
  std::vector<bool> from_holds(from_.size()), to_holds(to_.size()), speaks(rules->services.size());
  for (std::uint32_t n : from_.holders(from_.slot(packet.source))) from_holds[n] = true;
  for (std::uint32_t n : to_.holders(to_.slot(packet.destination))) to_holds[n] = true;
  const PortClasses& classes = classes_of(packet.protocol);
  for (std::uint32_t s : classes.services[classes.of_port[port_number(packet)]]) speaks[s] = true;

  // How much of a rule fits. One that fits wholly fails by its state or by a forbidden entry; then rules between
  // these two ends, then to this destination, then from this source. A rule in force is nearer than one that is
  // not.
  constexpr int kWhole = 100, kEnds = 60, kSameProtocol = 10, kToService = 40, kFromService = 20, kInForce = 1;
  int best_score = 0;
  std::uint32_t best = kNone;
  for (const Entry& entry : entries_) {
    if (entry.kind != Entry::Kind::rule) break;  // rules come first
    bool from = from_holds[entry.from], to = to_holds[entry.to];
    if (!from && !to) continue;
    bool service =
        std::any_of(entry.services->begin(), entry.services->end(), [&](std::uint32_t s) { return speaks[s]; });
    int score = 0;
    if (from && to && service) {
      score = kWhole;
    } else if (from && to) {
      bool protocol = std::any_of(entry.services->begin(), entry.services->end(), [&](std::uint32_t s) {
        return !ports_of(rules->services[s], packet.protocol).empty();
      });
      score = kEnds + (protocol ? kSameProtocol : 0);
    } else if (service) {
      score = to ? kToService : kFromService;
    } else {
      continue;
    }
    if (states[entry.number].in_force()) score += kInForce;
    if (score > best_score) {
      best_score = score;
      best = entry.number;
    }
  }
  if (best == kNone) return std::nullopt;
  const Rule& rule = rules->rules[best];
  const RuleState& state = states[best];
  NearestRule out{best, "", false};
  if (best_score >= kWhole) {
    if (!state.in_force()) {
      out.only_state = true;
      out.why = state.status == RuleStatus::proposed ? rule.id + " is only proposed"
                                                     : fmt::format("{} {}", rule.id, state.words);
      if (state.status == RuleStatus::approval_missing || state.status == RuleStatus::approval_invalid)
        out.why = fmt::format("{}: {}", rule.id, state.words);
      if (state.status == RuleStatus::not_yet) out.why = fmt::format("{} is {}", rule.id, state.words);
      return out;
    }
    const Judgement& j = judge(packet);
    if (!j.forbidden_by.empty()) {
      out.why = fmt::format("{} would approve it, but {} forbids it", rule.id,
                            rules->forbidden[j.forbidden_by.front()].id);
    } else if (j.approved) {
      out.why = rule.id + " approves it";
    } else {
      out.why = fmt::format("{} approves it from other source ports only", rule.id);
    }
    return out;
  }
  if (best_score >= kEnds) {
    out.why = fmt::format("{} approves {}, not {}", rule.id, service_words(*rules, rule), port_words(packet));
  } else if (best_score >= kToService) {
    out.why = fmt::format("{} approves {} from {}, not from {}", rule.id, port_words(packet),
                          shortened(rule.from.names), place(*rules, packet.source));
  } else {
    out.why = fmt::format("{} approves {} to {}, not to {}", rule.id, port_words(packet), shortened(rule.to.names),
                          place(*rules, packet.destination));
  }
  if (!state.in_force()) out.why += fmt::format(" ({})", state.words);
  return out;
}

// --- Sets
// -----------------------------------------------------------------------------------------------------------

struct Documented::Sets {
  using Slots = std::vector<std::optional<PacketSet>>;
  PacketSpace* space;
  Slots opening, reply, exception, forbidden, in_effect;
  std::optional<PacketSet> approved, all_forbidden, replies;

  Sets(const RuleSet& rules, PacketSpace& space_in)
      : space(&space_in),
        opening(rules.rules.size()),
        reply(rules.rules.size()),
        exception(rules.exceptions.size()),
        forbidden(rules.forbidden.size()),
        in_effect(rules.forbidden.size()) {}

  template <typename F>
  static const PacketSet& kept(std::optional<PacketSet>& slot, F make) {
    if (!slot) slot = make();
    return *slot;
  }
};

Documented::Documented(const RuleSet& rules, PacketSpace& space, Timestamp at)
    : index_(std::make_unique<Index>(rules, at)), sets_(std::make_unique<Sets>(rules, space)) {}
Documented::~Documented() = default;
Documented::Documented(Documented&&) noexcept = default;
Documented& Documented::operator=(Documented&&) noexcept = default;

const RuleSet& Documented::rules() const { return *index_->rules; }
Timestamp Documented::at() const { return index_->at; }
PacketSpace& Documented::space() const { return *sets_->space; }
const RuleState& Documented::state(std::uint32_t rule) const { return index_->states.at(rule); }
const RuleState& Documented::exception_state(std::uint32_t exception) const {
  return index_->exception_states.at(exception);
}

const PacketSet& Documented::opening_set(std::uint32_t rule) const {
  return Sets::kept(sets_->opening.at(rule), [&] {
    const Rule& r = rules().rules[rule];
    return space().of(opening_boxes(rules(), r.services, r.from.addresses, r.to.addresses));
  });
}

const PacketSet& Documented::reply_set(std::uint32_t rule) const {
  return Sets::kept(sets_->reply.at(rule), [&] {
    const Rule& r = rules().rules[rule];
    return space().of(reply_boxes(rules(), r.services, r.from.addresses, r.to.addresses));
  });
}

const PacketSet& Documented::exception_set(std::uint32_t exception) const {
  return Sets::kept(sets_->exception.at(exception), [&] {
    const Rule& r = rules().exceptions[exception].rule;
    return space().of(opening_boxes(rules(), r.services, r.from.addresses, r.to.addresses));
  });
}

const PacketSet& Documented::forbidden_set(std::uint32_t entry) const {
  return Sets::kept(sets_->forbidden.at(entry), [&] {
    const ForbiddenEntry& f = rules().forbidden[entry];
    return space().of(opening_boxes(rules(), f.services, f.from.addresses, f.to.addresses));
  });
}

// Writing F for an entry, L for what exceptions in force lift of it, and E for the openings of the rules in force
// that it excepts: a rule is cut by F - L of the entries that do not except it; an entry is in effect in F - L - E.
const PacketSet& Documented::forbidden_in_effect(std::uint32_t entry) const {
  return Sets::kept(sets_->in_effect.at(entry), [&] {
    PacketSet set = forbidden_set(entry);
    for (std::uint32_t x : index_->lifted_by[entry])
      if (exception_state(x).in_force()) set -= exception_set(x);
    for (std::uint32_t r : index_->except_rules[entry])
      if (state(r).in_force()) set -= opening_set(r);
    for (std::uint32_t x : index_->except_exceptions[entry]) {
      std::uint32_t own = index_->exception_of[x];
      if (!exception_state(x).in_force() || own == kNone) continue;
      PacketSet approving = exception_set(x) & forbidden_set(own);
      for (std::uint32_t f = 0; f < rules().forbidden.size(); ++f) {
        if (f == entry || index_->excepts_exception(f, x) || !forbidden_set(f).overlaps(approving)) continue;
        PacketSet standing = forbidden_set(f);
        for (std::uint32_t lifting : index_->lifted_by[f])
          if (exception_state(lifting).in_force()) standing -= exception_set(lifting);
        approving -= standing;
      }
      set -= approving;
    }
    return set;
  });
}

const PacketSet& Documented::forbidden() const {
  return Sets::kept(sets_->all_forbidden, [&] {
    std::vector<PacketSet> sets;
    for (std::uint32_t f = 0; f < rules().forbidden.size(); ++f) sets.push_back(forbidden_in_effect(f));
    return space().unite_all(sets);
  });
}

const PacketSet& Documented::approved() const {
  return Sets::kept(sets_->approved, [&] {
    const RuleSet& r = rules();
    std::vector<PacketSet> standing;  // entries less what is lifted
    for (std::uint32_t f = 0; f < r.forbidden.size(); ++f) {
      PacketSet set = forbidden_set(f);
      for (std::uint32_t x : index_->lifted_by[f])
        if (exception_state(x).in_force()) set -= exception_set(x);
      standing.push_back(set);
    }
    const PacketSet cut = space().unite_all(standing);
    std::vector<bool> excepted(r.rules.size());
    for (const std::vector<std::uint32_t>& rules_of_entry : index_->except_rules)
      for (std::uint32_t rule : rules_of_entry) excepted[rule] = true;

    std::vector<Box> plain;
    std::vector<PacketSet> parts;
    for (std::uint32_t i = 0; i < r.rules.size(); ++i) {
      if (!state(i).in_force()) continue;
      if (!excepted[i]) {
        std::vector<Box> boxes =
            opening_boxes(r, r.rules[i].services, r.rules[i].from.addresses, r.rules[i].to.addresses);
        std::move(boxes.begin(), boxes.end(), std::back_inserter(plain));
        continue;
      }
      PacketSet set = opening_set(i);
      for (std::uint32_t f = 0; f < r.forbidden.size(); ++f)
        if (!index_->excepts_rule(f, i)) set -= standing[f];
      parts.push_back(set);
    }
    parts.push_back(space().of(plain) - cut);
    for (std::uint32_t x = 0; x < r.exceptions.size(); ++x) {
      std::uint32_t own = index_->exception_of[x];
      if (!exception_state(x).in_force() || own == kNone) continue;
      PacketSet set = exception_set(x) & forbidden_set(own);
      for (std::uint32_t f = 0; f < r.forbidden.size(); ++f)
        if (!index_->excepts_exception(f, x)) set -= standing[f];
      parts.push_back(set);
    }
    return space().unite_all(parts);
  });
}

const PacketSet& Documented::replies() const {
  return Sets::kept(sets_->replies, [&] {
    std::vector<Box> boxes;
    auto add = [&](const Rule& rule) {
      std::vector<Box> more = reply_boxes(rules(), rule.services, rule.from.addresses, rule.to.addresses);
      std::move(more.begin(), more.end(), std::back_inserter(boxes));
    };
    for (std::uint32_t i = 0; i < rules().rules.size(); ++i)
      if (state(i).in_force()) add(rules().rules[i]);
    for (std::uint32_t x = 0; x < rules().exceptions.size(); ++x)
      if (exception_state(x).in_force()) add(rules().exceptions[x].rule);
    return space().of(boxes);
  });
}

// --- Packets
// --------------------------------------------------------------------------------------------------------

const Judgement& Documented::judge(const Packet& packet) const { return index_->judge(packet); }
std::optional<NearestRule> Documented::nearest(const Packet& packet) const { return index_->nearest(packet); }
PortClass Documented::port_class(Protocol protocol, std::uint16_t number) const {
  return index_->port_class(protocol, number);
}

const PortSet& Documented::approved_ports(const Address& source, const Address& destination,
                                          Protocol protocol) const {
  return index_->slice(source, destination, protocol).approved;
}

const PortSet& Documented::forbidden_ports(const Address& source, const Address& destination,
                                           Protocol protocol) const {
  return index_->slice(source, destination, protocol).forbidden;
}

}  // namespace demarc
