#include "rules/verdict/slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "rules/policy/standing.h"
#include "rules/verdict/answers.h"

namespace demarc {

namespace {

/// Where a run was sent from, or why nobody knows.
struct Attribution {
  std::optional<std::uint16_t> standpoint;
  UnusedRun::Why why = UnusedRun::Why::no_standpoint;
  std::string words, note;
};

std::string run_label(const ScanRun& run) { return run.file.empty() ? "run " + run.header.run : run.file; }

/// What stands for a vantage point in the family that its declared address is not of.
std::optional<Address> other_source(const RuleSet& rules, const Vantage& v) {
  const Family family = v.address.is_ipv4() ? Family::ipv6 : Family::ipv4;
  if (std::optional<Address> own = Standing(rules, v).source_for(family)) return own;
  const Zone* zone = rules.zone(v.zone);
  if (zone == nullptr) return std::nullopt;
  const std::vector<AddressRange>& ranges = zone->addresses.ranges();
  const auto of_family = std::find_if(ranges.begin(), ranges.end(),
                                      [&](const AddressRange& range) { return range.first.family() == family; });
  return of_family == ranges.end() ? std::nullopt : std::optional(of_family->last);
}

Attribution attribute(const RuleSet& rules, const ScanRun& run, std::vector<Standpoint>& standpoints) {
  const ScanHeader& h = run.header;
  const auto find = [&](auto matches) -> std::optional<std::uint16_t> {
    for (std::size_t i = 0; i < standpoints.size(); ++i)
      if (matches(standpoints[i])) return static_cast<std::uint16_t>(i);
    return std::nullopt;
  };
  if (!h.vantage.empty()) {
    if (const auto known = find([&](const Standpoint& s) { return s.vantage != nullptr && s.name == h.vantage; })) {
      const Standpoint& s = standpoints[*known];
      if (!h.source_address || *h.source_address == s.address || s.vantage->behind_nat) return {known, {}, {}, {}};
      // A source in another zone's space would accuse the wrong zone; one in no zone (a laboratory, a loopback)
      // says nothing.
      const Zone* real = rules.zone_of(*h.source_address);
      if (real != nullptr && real->name != s.zone)
        return {std::nullopt,
                UnusedRun::Why::wrong_zone,
                fmt::format("{} says vantage point '{}' (zone {}) but was sent from {}, which lies in zone {}",
                            run_label(run), h.vantage, s.zone, to_string(*h.source_address), real->name),
                {}};
      return {known,
              {},
              {},
              fmt::format("{} was sent from {}, while the rule set has vantage point '{}' at {}.", run_label(run),
                          to_string(*h.source_address), h.vantage, to_string(s.address))};
    }
  }
  if (h.source_address) {
    if (const auto known = find([&](const Standpoint& s) { return s.address == *h.source_address; }))
      return {known, {}, {}, {}};
    if (const Zone* zone = rules.zone_of(*h.source_address); zone != nullptr && standpoints.size() < 65000) {
      standpoints.push_back({to_string(*h.source_address), zone->name, *h.source_address, nullptr, {}});
      return {static_cast<std::uint16_t>(standpoints.size() - 1),
              {},
              {},
              fmt::format("{} was sent from {}, which is no vantage point of the rule set; it is judged as a "
                          "sample of zone {}.",
                          run_label(run), to_string(*h.source_address), zone->name)};
    }
  }
  if (h.vantage.empty() && !h.zone.empty()) {
    const auto only = find([&](const Standpoint& s) { return s.zone == h.zone; });
    if (only && std::count_if(standpoints.begin(), standpoints.end(),
                              [&](const Standpoint& s) { return s.zone == h.zone; }) == 1)
      return {only, {}, {}, {}};
  }
  if (!h.vantage.empty())
    return {std::nullopt,
            UnusedRun::Why::no_standpoint,
            fmt::format("{} comes from vantage point '{}', which the rule set does not have", run_label(run),
                        h.vantage),
            {}};
  return {std::nullopt,
          UnusedRun::Why::no_standpoint,
          fmt::format("{} does not say where it was sent from", run_label(run)),
          {}};
}

Timestamp ended_at(const ScanRun& run) {
  if (run.summary) return run.summary->finished;
  Timestamp last = run.header.started;
  for (const Outcome& o : run.outcomes)
    if (o.at) last = std::max(last, *o.at);
  return last;
}

auto outcome_fields(const Outcome& o) {
  return std::tie(o.target, o.protocol, o.ports, o.icmp, o.state, o.passage, o.answer, o.doubt, o.tries, o.ttl,
                  o.answered_by, o.at, o.rtt_us, o.last_hop, o.stops_at_hop);
}

/// The same journal under another name, or given twice.
bool same_run(const ScanRun& a, const ScanRun& b) {
  if (!(a.header == b.header) || a.outcomes.size() != b.outcomes.size() ||
      a.summary.has_value() != b.summary.has_value())
    return false;
  const auto sorted = [](const ScanRun& run) {
    std::vector<const Outcome*> list;
    list.reserve(run.outcomes.size());
    for (const Outcome& o : run.outcomes) list.push_back(&o);
    std::sort(list.begin(), list.end(),
              [](const Outcome* x, const Outcome* y) { return outcome_fields(*x) < outcome_fields(*y); });
    return list;
  };
  return std::ranges::equal(sorted(a), sorted(b), [](const Outcome* x, const Outcome* y) {
    return outcome_fields(*x) == outcome_fields(*y);
  });
}

int strength(const Outcome& o) {
  switch (o.state) {
    case PortState::open: return 5;
    case PortState::closed: return 4;
    case PortState::unfiltered: return 3;
    // Silence that a witness explains says as much as a refusal.
    case PortState::filtered: return o.answer == Answer::silence && !is_witnessed(o) ? 1 : 2;
    case PortState::open_or_filtered: return is_witnessed(o) ? 2 : 0;
  }
  return 0;
}

struct Ref {
  std::uint16_t standpoint = 0;
  Protocol protocol;
  PortRange ports;
  Address target;
  std::uint32_t run = 0, outcome = 0;
};

class Painter {
 public:
  Painter(const Snapshot& snapshot, const std::vector<std::uint32_t>& group)
      : snapshot_(&snapshot), group_(&group), owner_(65536) {}

  std::vector<Segment> resolve(std::vector<Ref>::iterator begin, std::vector<Ref>::iterator end) {
    std::vector<Segment> out;
    bool overlap = false;
    for (auto it = begin; it != end && it + 1 != end; ++it)
      overlap = overlap || (it + 1)->ports.first <= it->ports.last;
    if (!overlap) {
      out.reserve(static_cast<std::size_t>(end - begin));
      for (auto it = begin; it != end; ++it) out.push_back({it->ports, it->run, it->outcome});
      return out;
    }
    // Weakest first, so that the strongest is what stays visible.
    std::vector<Ref> order(begin, end);
    rank(order);
    std::fill(owner_.begin(), owner_.end(), 0);
    for (std::size_t i = 0; i < order.size(); ++i)
      std::fill(owner_.begin() + order[i].ports.first.number(), owner_.begin() + order[i].ports.last.number() + 1,
                static_cast<std::uint32_t>(i + 1));
    for (std::uint32_t p = 0; p < 65536;) {
      const std::uint32_t who = owner_[p];
      std::uint32_t q = p;
      while (q + 1 < 65536 && owner_[q + 1] == who) ++q;
      if (who != 0)
        out.push_back({{Port{static_cast<std::uint16_t>(p)}, Port{static_cast<std::uint16_t>(q)}},
                       order[who - 1].run,
                       order[who - 1].outcome});
      p = q + 1;
    }
    return out;
  }

 private:
  /// Several outcomes for a port: a later clear answer takes the place of an earlier one, an unclear one never
  /// does. Within one run (shards and resumptions share its id) records belong together, and the stronger one is
  /// the one that answered at last. In the end anything that does not depend on the order of files.
  void rank(std::vector<Ref>& order) const {
    std::unordered_map<std::uint32_t, Timestamp> latest;  // by group of runs
    for (const Ref& r : order) {
      const ScanRun& run = snapshot_->scans[r.run];
      const Timestamp at = measured_at(run, run.outcomes[r.outcome]);
      const auto [it, fresh] = latest.try_emplace((*group_)[r.run], at);
      if (!fresh) it->second = std::max(it->second, at);
    }
    std::sort(order.begin(), order.end(), [&](const Ref& a, const Ref& b) {
      const ScanRun &ra = snapshot_->scans[a.run], &rb = snapshot_->scans[b.run];
      const bool ca = is_conclusive(ra, ra.outcomes[a.outcome]), cb = is_conclusive(rb, rb.outcomes[b.outcome]);
      if (ca != cb) return cb;
      const std::uint32_t ga = (*group_)[a.run], gb = (*group_)[b.run];
      if (ga == gb) return weaker_in_run(a, b);
      const Timestamp ta = latest.find(ga)->second, tb = latest.find(gb)->second;
      return ta != tb ? ta < tb : ga < gb;
    });
  }

  bool weaker_in_run(const Ref& a, const Ref& b) const {
    const ScanRun &ra = snapshot_->scans[a.run], &rb = snapshot_->scans[b.run];
    const Outcome &oa = ra.outcomes[a.outcome], &ob = rb.outcomes[b.outcome];
    if (strength(oa) != strength(ob)) return strength(oa) < strength(ob);
    if (oa.tries != ob.tries) return oa.tries < ob.tries;
    if (outcome_fields(oa) != outcome_fields(ob)) return outcome_fields(ob) < outcome_fields(oa);
    return std::tie(rb.file, ob.record) < std::tie(ra.file, oa.record);
  }

  const Snapshot* snapshot_;
  const std::vector<std::uint32_t>* group_;  // by run: shards and resumptions of one run share a number
  std::vector<std::uint32_t> owner_;
};

}  // namespace

Timestamp measured_at(const ScanRun& run, const Outcome& outcome) {
  return outcome.at ? *outcome.at : run.header.started;
}

bool is_conclusive(const ScanRun& run, const Outcome& outcome) {
  // The far end knows what arrived, however the answers were limited on their way back.
  if (is_witnessed(outcome) && outcome.doubt == Doubt::icmp_rate_limited) return true;
  if (outcome.doubt != Doubt::none && outcome.doubt != Doubt::no_canary) return false;
  if (outcome.answer == Answer::local_refusal) return false;
  // Open, and a witness that no probe reached: two sources contradict each other.
  if (outcome.state == PortState::open && outcome.passage == Passage::blocked) return false;
  if (outcome.answer != Answer::silence || is_witnessed(outcome)) return true;
  return outcome.protocol != Protocol::udp && outcome.tries >= run.header.tries_max;
}

PortRange outcome_numbers(const Outcome& outcome) {
  if (!outcome.protocol.is_icmp()) return outcome.protocol.has_ports() ? outcome.ports : PortRange::single(Port{0});
  const auto base = static_cast<std::uint16_t>(outcome.icmp.type << 8);
  return {Port{static_cast<std::uint16_t>(base | outcome.icmp.code.value_or(0))},
          Port{static_cast<std::uint16_t>(base | outcome.icmp.code.value_or(outcome.icmp.code ? 0 : 255))}};
}

Reachable arrange(const RuleSet& rules, const Snapshot& snapshot, std::optional<Timestamp> stale_before) {
  Reachable r;
  for (const Vantage& v : rules.vantages)
    r.standpoints.push_back({v.name, v.zone, v.address, &v, other_source(rules, v)});

  // Runs in an order of their own: not that of the command line.
  std::vector<std::uint32_t> order(snapshot.scans.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto run_key = [&](std::uint32_t i) {
    const ScanRun& s = snapshot.scans[i];
    return std::tie(s.header.vantage, s.header.zone, s.header.source_address, s.header.run, s.header.started,
                    s.header.shard, s.file);
  };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return run_key(a) < run_key(b); });

  std::size_t total = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const ScanRun& run = snapshot.scans[order[k]];
    bool duplicate = false;
    for (std::size_t j = k; j-- > 0 && !duplicate;) {
      const ScanRun& other = snapshot.scans[order[j]];
      if (other.header.run != run.header.run || other.header.vantage != run.header.vantage) break;
      duplicate = same_run(other, run);
    }
    if (duplicate) {
      r.unused.push_back({order[k], UnusedRun::Why::duplicate, {}});
      continue;
    }
    if (stale_before && ended_at(run) < *stale_before) {
      r.unused.push_back(
          {order[k], UnusedRun::Why::stale, fmt::format("{} ended {}", run_label(run), to_string(ended_at(run)))});
      continue;
    }
    Attribution who = attribute(rules, run, r.standpoints);
    if (!who.note.empty()) r.notes.push_back(std::move(who.note));
    if (!who.standpoint) {
      r.unused.push_back({order[k], who.why, std::move(who.words)});
      continue;
    }
    r.used.push_back({order[k], *who.standpoint});
    total += run.outcomes.size();
  }

  std::vector<Ref> refs;
  refs.reserve(total);
  for (const RunUse& use : r.used) {
    const std::vector<Outcome>& outcomes = snapshot.scans[use.run].outcomes;
    for (std::uint32_t i = 0; i < outcomes.size(); ++i)
      refs.push_back(
          {use.standpoint, outcomes[i].protocol, outcome_numbers(outcomes[i]), outcomes[i].target, use.run, i});
  }
  const auto place = [](const Ref& x) { return std::tie(x.standpoint, x.target, x.protocol); };
  const auto before = [&](const Ref& a, const Ref& b) {
    return place(a) != place(b) ? place(a) < place(b) : a.ports < b.ports;
  };
  if (!std::is_sorted(refs.begin(), refs.end(), before)) std::sort(refs.begin(), refs.end(), before);

  std::vector<std::uint32_t> group(snapshot.scans.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    const ScanHeader& h = snapshot.scans[order[k]].header;
    const bool with_last = k != 0 && !h.run.empty() && snapshot.scans[order[k - 1]].header.run == h.run &&
                           snapshot.scans[order[k - 1]].header.vantage == h.vantage;
    group[order[k]] = with_last ? group[order[k - 1]] : static_cast<std::uint32_t>(k + 1);
  }
  Painter painter(snapshot, group);
  for (auto begin = refs.begin(); begin != refs.end();) {
    auto end = begin;
    while (end != refs.end() && place(*end) == place(*begin)) ++end;
    r.slices.push_back({begin->standpoint, begin->target, begin->protocol, painter.resolve(begin, end)});
    begin = end;
  }
  return r;
}

}  // namespace demarc
