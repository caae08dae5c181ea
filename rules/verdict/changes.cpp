#include "rules/verdict/changes.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace demarc {

namespace {

std::size_t mix(std::size_t seed, std::uint64_t value) {
  return (seed ^ static_cast<std::size_t>(value)) * 0x9E3779B97F4A7C15U;
}
std::size_t hash_of(const std::vector<Match>& matches) {
  std::size_t seed = matches.size();
  for (const Match& m : matches) {
    for (const AddressSet* set : {&m.box.sources, &m.box.destinations})
      for (const AddressRange& r : set->ranges()) seed = mix(mix(seed, r.first.low() ^ r.first.high()), r.last.low());
    for (const PortSet* set : {&m.box.ports, &m.box.source_ports, &m.box.icmp.numbers()})
      for (const PortRange& r : set->ranges()) seed = mix(mix(seed, r.first.number()), r.last.number());
  }
  return seed;
}

/// Lists are in step if they may be held against each other line by line.
class Changes {
 public:
  Changes(const Device& before, const Device& after) : before_(before), after_(after) {}

  bool pair(ListIndex a, ListIndex b) {
    const auto [known, fresh] = pairs_.emplace(a, b);
    if (!fresh) return known->second == b;
    if (a >= before_.lists.size() || b >= after_.lists.size()) return false;
    const List &x = before_.lists[a], &y = after_.lists[b];
    if (x.at_end != y.at_end || x.defined != y.defined || x.family != y.family) return false;
    compare(x.entries, y.entries);
    return in_step_;
  }
  std::vector<Box> boxes;

 private:
  /// Does the same with the same packets. Called lists are paired on the way.
  bool same(const Entry& a, const Entry& b) {
    return a.action == b.action && a.inactive == b.inactive && a.match == b.match && a.maybe == b.maybe &&
           (a.target == kNoList) == (b.target == kNoList);
  }
  void common(const Entry& a, const Entry& b) {
    if (a.action == Action::jump || a.action == Action::go_to) in_step_ = in_step_ && pair(a.target, b.target);
  }
  void changed(const Entry& e) {
    if (e.inactive) return;
    for (const std::vector<Match>* matches : {&e.match, &e.maybe})
      for (const Match& m : *matches) boxes.push_back(m.box);
  }

  /// Common lines in common order: the same beginning, the same end, and between them a longest rising run of lines
  /// that stand once on either side. What is left is changed.
  void compare(const std::vector<Entry>& a, const std::vector<Entry>& b) {
    std::size_t front = 0, back = 0;
    const std::size_t shorter = std::min(a.size(), b.size());
    while (front < shorter && same(a[front], b[front])) common(a[front], b[front]), ++front;
    while (back < shorter - front && same(a[a.size() - 1 - back], b[b.size() - 1 - back])) {
      common(a[a.size() - 1 - back], b[b.size() - 1 - back]);
      ++back;
    }
    constexpr std::size_t kTwice = static_cast<std::size_t>(-1);
    struct Places {
      std::size_t a = kTwice, b = kTwice, in_a = 0, in_b = 0;
    };
    std::unordered_map<std::size_t, Places> places;
    const auto key = [](const Entry& e) {
      return mix(mix(hash_of(e.match), hash_of(e.maybe)), static_cast<std::uint64_t>(e.action));
    };
    for (std::size_t i = front; i < a.size() - back; ++i) {
      Places& p = places[key(a[i])];
      p.a = i, ++p.in_a;
    }
    for (std::size_t i = front; i < b.size() - back; ++i) {
      Places& p = places[key(b[i])];
      p.b = i, ++p.in_b;
    }
    std::vector<std::pair<std::size_t, std::size_t>> once;
    for (const auto& [hash, p] : places)
      if (p.in_a == 1 && p.in_b == 1 && same(a[p.a], b[p.b])) once.emplace_back(p.a, p.b);
    std::sort(once.begin(), once.end());
    std::vector<bool> keep_a(a.size()), keep_b(b.size());
    for (const std::size_t n : longest_rising(once)) {
      keep_a[once[n].first] = keep_b[once[n].second] = true;
      common(a[once[n].first], b[once[n].second]);
    }
    for (std::size_t i = front; i < a.size() - back; ++i)
      if (!keep_a[i]) changed(a[i]);
    for (std::size_t i = front; i < b.size() - back; ++i)
      if (!keep_b[i]) changed(b[i]);
  }

  /// Indices of a longest run whose second numbers rise (patience sorting).
  static std::vector<std::size_t> longest_rising(const std::vector<std::pair<std::size_t, std::size_t>>& pairs) {
    std::vector<std::size_t> tails, before(pairs.size(), pairs.size());
    for (std::size_t n = 0; n < pairs.size(); ++n) {
      const auto at = std::lower_bound(tails.begin(), tails.end(), pairs[n].second,
                                       [&](std::size_t tail, std::size_t b) { return pairs[tail].second < b; });
      if (at != tails.begin()) before[n] = *(at - 1);
      if (at == tails.end())
        tails.push_back(n);
      else
        *at = n;
    }
    std::vector<std::size_t> run;
    for (std::size_t n = tails.empty() ? pairs.size() : tails.back(); n < pairs.size(); n = before[n]) run.push_back(n);
    std::reverse(run.begin(), run.end());
    return run;
  }

  const Device &before_, &after_;
  std::map<ListIndex, ListIndex> pairs_;
  bool in_step_ = true;
};

bool same_stage(const Stage& a, const Stage& b) {
  return a.real_source == b.real_source && a.real_destination == b.real_destination && a.ways == b.ways &&
         a.family == b.family && a.lists.size() == b.lists.size() && a.ingress == b.ingress && a.egress == b.egress;
}

bool translate_the_same(const Device& a, const Device& b) {
  return a.dialect == b.dialect &&
         std::equal(a.nats.begin(), a.nats.end(), b.nats.begin(), b.nats.end(), [](const Nat& x, const Nat& y) {
           return x.kind == y.kind && x.match == y.match && x.to == y.to && x.to_network == y.to_network &&
                  x.to_ports == y.to_ports && x.exempt == y.exempt && x.certain == y.certain;
         });
}

/// What a statement translates comes to changed lines under other addresses than it has here.
void add_translated(const Device& device, std::vector<Box>& boxes) {
  for (const Nat& nat : device.nats) {
    if (nat.exempt) continue;
    if (nat.kind == Nat::Kind::source)
      boxes.push_back(Box{.sources = nat.match.box.sources});
    else
      boxes.push_back(Box{.destinations = nat.match.box.destinations});
  }
}

/// Where much has changed, to look at everything costs less than to look at all that changed.
std::optional<std::vector<Box>> worth_a_focus(std::vector<Box> boxes, const Device& before, const Device& after) {
  std::size_t entries = 0;
  for (const Device* device : {&before, &after})
    for (const List& list : device->lists) entries += list.entries.size();
  if (boxes.size() > 16 + entries / 8) return std::nullopt;
  return boxes;
}

}  // namespace

std::optional<std::vector<Box>> changed_boxes(const Device& before, const Device& after,
                                              const CompareOptions& options) {
  Changes changes(before, after);
  if (options.before_list != kNoList) {
    if (!changes.pair(options.before_list, options.after_list)) return std::nullopt;
    return worth_a_focus(std::move(changes.boxes), before, after);
  }
  if (before.stages.size() != after.stages.size()) return std::nullopt;
  for (std::size_t i = 0; i < before.stages.size(); ++i) {
    const Stage &a = before.stages[i], &b = after.stages[i];
    if (!same_stage(a, b)) return std::nullopt;
    for (std::size_t n = 0; n < a.lists.size(); ++n)
      if (!changes.pair(a.lists[n], b.lists[n])) return std::nullopt;
  }
  if (!before.nats.empty() || !after.nats.empty()) {
    if (!translate_the_same(before, after)) return std::nullopt;
    if (!changes.boxes.empty()) add_translated(before, changes.boxes);
  }
  return worth_a_focus(std::move(changes.boxes), before, after);
}

}  // namespace demarc
