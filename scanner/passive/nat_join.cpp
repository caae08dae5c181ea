#include "scanner/passive/nat_join.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace demarc {

namespace {

constexpr Nanoseconds kWindow = std::chrono::seconds(3);  // between the clocks of two sensors, and the way between
constexpr Nanoseconds kClose = std::chrono::milliseconds(500);  // where sizes and times have to do
constexpr std::size_t kCandidatesMax = 32;
constexpr std::uint32_t kSeveral = 3;  // times that a mapping has to be seen

struct One {
  const ConversationTrace* trace;
  std::uint32_t sensor;
};

Nanoseconds apart(const ConversationTrace& a, const ConversationTrace& b) {
  return a.first < b.first ? b.first - a.first : a.first - b.first;
}

bool same_ends(const ConversationTrace& a, const ConversationTrace& b) {
  return a.initiator == b.initiator && a.responder == b.responder;
}
/// An end that is unchanged, or a port behind another address.
bool one_end_alike(const ConversationTrace& a, const ConversationTrace& b) {
  return a.initiator.address == b.initiator.address || a.responder.address == b.responder.address ||
         (a.initiator.port == b.initiator.port && a.responder.port == b.responder.port);
}

bool has_whole_mark(const ConversationTrace& t) { return t.mark >> 32 != 0 && (t.mark & 0xFFFFFFFF) != 0; }

/// Whether as many hops lie between the two sensors on the way there as on the way back.
enum class Hops : std::uint8_t { unknown, agree, contradict };
Hops hops_between(const ConversationTrace& a, const ConversationTrace& b) {
  if (a.ttl_out == 0 || a.ttl_in == 0 || b.ttl_out == 0 || b.ttl_in == 0) return Hops::unknown;
  const int there = a.ttl_out - b.ttl_out, back = b.ttl_in - a.ttl_in;
  if (there != back) return Hops::contradict;
  return there == 0 ? Hops::unknown : Hops::agree;
}

class Joiner {
 public:
  Joiner(std::span<const std::vector<ConversationTrace>> sensors, FlowEvidence& evidence) : evidence_(evidence) {
    for (std::uint32_t s = 0; s < sensors.size(); ++s)
      for (const ConversationTrace& trace : sensors[s]) all_.push_back({&trace, s});
    parent_.resize(all_.size());
    std::iota(parent_.begin(), parent_.end(), 0U);
    sensors_ = static_cast<std::uint32_t>(sensors.size());
    joined_with_.resize(all_.size());
  }

  NatJoins join() {
    by_ends();
    by_mark();
    by_half_mark();
    by_mapping();
    by_size();
    decide();
    return joins_;
  }

 private:
  /// Pairs by what is mapped to what, at the sensor that stands first.
  using Mapping = std::tuple<Address, Address, Address, Address>;
  using Mappings = std::map<Mapping, std::vector<std::pair<std::uint32_t, std::uint32_t>>>;

  void remember(Mappings& mappings, std::uint32_t a, std::uint32_t b) const {
    if (all_[a].sensor > all_[b].sensor) std::swap(a, b);
    mappings[{trace(a).initiator.address, trace(b).initiator.address, trace(a).responder.address,
              trace(b).responder.address}]
        .emplace_back(a, b);
  }
  void unite_several(const Mappings& mappings) {
    for (const auto& [mapping, some] : mappings)
      if (some.size() >= kSeveral)
        for (const auto& [a, b] : some)
          if (!joined(a, all_[b].sensor) && !joined(b, all_[a].sensor)) unite(a, b);
  }

  const ConversationTrace& trace(std::uint32_t i) const { return *all_[i].trace; }
  bool joined(std::uint32_t i, std::uint32_t sensor) const { return (joined_with_[i] >> (sensor & 63) & 1) != 0; }
  /// A partner at every other sensor is there already.
  bool everywhere(std::uint32_t i) const {
    return static_cast<std::uint32_t>(std::popcount(joined_with_[i])) + 1 >= sensors_;
  }
  std::uint32_t root(std::uint32_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void unite(std::uint32_t a, std::uint32_t b) {
    joined_with_[a] |= std::uint64_t{1} << (all_[b].sensor & 63);
    joined_with_[b] |= std::uint64_t{1} << (all_[a].sensor & 63);
    parent_[root(std::max(a, b))] = root(std::min(a, b));
  }

  /// Pairs of different sensors that have the same key, are near in time and fit; each must be the only one for the
  /// other. `take` is called for those, in order.
  template <typename Key, typename Fits, typename Take>
  void pairs(Nanoseconds window, Key&& key, Fits&& fits, Take&& take) {
    using KeyType = decltype(key(all_[0]));
    std::vector<std::pair<KeyType, std::uint32_t>> order;
    for (std::uint32_t i = 0; i < all_.size(); ++i)
      if (!everywhere(i))
        if (const KeyType k = key(all_[i]); k != KeyType{}) order.emplace_back(k, i);
    std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
      return std::tuple(a.first, trace(a.second).first, a.second) <
             std::tuple(b.first, trace(b.second).first, b.second);
    });
    std::vector<std::pair<std::uint32_t, std::uint32_t>> found;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::uint32_t a = order[i].second;
      std::size_t looked = 0;
      for (std::size_t j = i + 1; j < order.size() && order[j].first == order[i].first; ++j) {
        const std::uint32_t b = order[j].second;
        if (apart(trace(a), trace(b)) > window) break;
        if (++looked > kCandidatesMax) {  // too many alike to be told apart
          crowded_.push_back(a);
          break;
        }
        if (all_[a].sensor == all_[b].sensor || joined(a, all_[b].sensor) || joined(b, all_[a].sensor)) continue;
        if (fits(trace(a), trace(b))) found.emplace_back(a, b);
      }
    }
    // How many partners each has at each other sensor.
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> partners;
    for (const auto& [a, b] : found) {
      ++partners[{a, all_[b].sensor}];
      ++partners[{b, all_[a].sensor}];
    }
    for (const std::uint32_t a : crowded_)
      for (std::uint32_t s = 0; s < sensors_; ++s) partners[{a, s}] += 2;
    crowded_.clear();
    for (const auto& [a, b] : found) {
      const bool only = partners[{a, all_[b].sensor}] == 1 && partners[{b, all_[a].sensor}] == 1;
      if (only)
        take(a, b);
      else
        doubtful_.insert(doubtful_.end(), {a, b});
    }
  }

  void by_ends() {
    // Behind each other on one way, without a translation between: the marks do not even matter.
    pairs(
        kWindow,
        [](const One& one) { return std::tuple(one.trace->protocol, one.trace->initiator, one.trace->responder); },
        [](const ConversationTrace&, const ConversationTrace&) { return true; },
        [&](std::uint32_t a, std::uint32_t b) { unite(a, b); });
  }
  void by_mark() {
    Mappings mappings;
    pairs(
        kWindow,
        [](const One& one) {
          return has_whole_mark(*one.trace) || one.trace->protocol != Protocol::tcp
                     ? std::pair(one.trace->protocol, one.trace->mark)
                     : std::pair<Protocol, std::uint64_t>{};
        },
        one_end_alike,
        [&](std::uint32_t a, std::uint32_t b) {
          // Datagrams may be alike without being the same: the ways between have to agree, or the mapping repeats.
          if (trace(a).protocol == Protocol::tcp || hops_between(trace(a), trace(b)) == Hops::agree)
            unite(a, b);
          else
            remember(mappings, a, b);
        });
    unite_several(mappings);
  }
  /// One sensor saw one direction only.
  void by_half_mark() {
    const auto half = [](const ConversationTrace& t, bool initiators) {
      return t.protocol == Protocol::tcp ? (initiators ? t.mark >> 32 : t.mark & 0xFFFFFFFF) : 0;
    };
    for (const bool initiators : {true, false})
      pairs(
          kWindow, [&](const One& one) { return half(*one.trace, initiators); },
          [&](const ConversationTrace& a, const ConversationTrace& b) {
            return (half(a, !initiators) == 0 || half(b, !initiators) == 0) &&
                   (a.initiator == b.initiator || a.responder == b.responder);
          },
          [&](std::uint32_t a, std::uint32_t b) { unite(a, b); });
  }
  /// Both ends are translated, ports included: the mark alone, where the same mapping shows again and again.
  void by_mapping() {
    std::map<std::pair<Endpoint, Endpoint>, std::vector<std::pair<std::uint32_t, std::uint32_t>>> mappings;
    pairs(
        kWindow,
        [](const One& one) {
          return has_whole_mark(*one.trace) && one.trace->protocol == Protocol::tcp ? one.trace->mark : 0;
        },
        [](const ConversationTrace& a, const ConversationTrace& b) { return !one_end_alike(a, b); },
        [&](std::uint32_t a, std::uint32_t b) {
          if (all_[a].sensor > all_[b].sensor) std::swap(a, b);
          mappings[{trace(a).responder, trace(b).responder}].emplace_back(a, b);
        });
    for (const auto& [mapping, some] : mappings)
      if (some.size() >= kSeveral)
        for (const auto& [a, b] : some) unite(a, b);
  }
  /// The firewall chose sequence numbers of its own: one end unchanged to the port, the same packets and bytes both
  /// ways at the same time, and the other end mapped the same way several times.
  void by_size() {
    Mappings mappings;
    const auto alike = [](const ConversationTrace& a, const ConversationTrace& b) {
      return a.established && b.established && a.packets_out == b.packets_out && a.packets_in == b.packets_in &&
             a.bytes_out == b.bytes_out && a.bytes_in == b.bytes_in && hops_between(a, b) != Hops::contradict;
    };
    for (const bool responders : {true, false})
      pairs(
          kClose,
          [&](const One& one) {
            const ConversationTrace& t = *one.trace;
            if (t.protocol != Protocol::tcp) return Endpoint{};
            return responders ? t.responder : t.initiator;
          },
          alike, [&](std::uint32_t a, std::uint32_t b) { remember(mappings, a, b); });
    unite_several(mappings);
  }

  // ---- who really talks ----

  /// The member on whose side an end really is; kNone32: nothing tells. `near`: TTL of that end's packets, `far`:
  /// of the other's, which is lowest there.
  template <typename End, typename Near, typename Far>
  std::uint32_t side_of(const std::vector<std::uint32_t>& group, bool earliest, End&& end, Near&& near, Far&& far) {
    const auto best = [&](auto&& better) {
      std::uint32_t chosen = group[0];
      for (const std::uint32_t i : group)
        if (better(i, chosen)) chosen = i;
      // All that are as good have to name the same end.
      for (const std::uint32_t i : group)
        if (!better(chosen, i) && !(end(i) == end(chosen))) return kNone32;
      return chosen;
    };
    std::uint32_t side = best([](std::uint32_t, std::uint32_t) { return false; });
    if (side != kNone32) return side;  // they all agree
    const auto known = [&](auto&& ttl) {
      return std::all_of(group.begin(), group.end(), [&](std::uint32_t i) { return ttl(i) != 0; });
    };
    if (known(near)) side = best([&](std::uint32_t a, std::uint32_t b) { return near(a) > near(b); });
    if (side == kNone32 && known(far))
      side = best([&](std::uint32_t a, std::uint32_t b) { return far(a) < far(b); });
    if (side == kNone32)
      side = best([&](std::uint32_t a, std::uint32_t b) {
        return earliest ? trace(a).first < trace(b).first : trace(a).first > trace(b).first;
      });
    return side;
  }

  void decide() {
    std::map<std::uint32_t, std::vector<std::uint32_t>> groups;
    for (std::uint32_t i = 0; i < all_.size(); ++i) groups[root(i)].push_back(i);
    std::sort(doubtful_.begin(), doubtful_.end());
    doubtful_.erase(std::unique(doubtful_.begin(), doubtful_.end()), doubtful_.end());
    for (const std::uint32_t i : doubtful_) joins_.ambiguous += joined_with_[i] == 0 ? 1 : 0;
    std::map<std::uint32_t, std::map<RealEnds, std::vector<std::uint32_t>>> changes;  // by flow
    for (auto& [first, group] : groups)
      if (group.size() > 1) decide_group(group, changes);
    for (const auto& [flow, parts] : changes) apply(flow, parts);
  }

  void decide_group(const std::vector<std::uint32_t>& group,
                    std::map<std::uint32_t, std::map<RealEnds, std::vector<std::uint32_t>>>& changes) {
    std::vector<bool> seen(sensors_);
    for (const std::uint32_t i : group) {
      if (seen[all_[i].sensor]) {  // two of one sensor: some pair of them is wrong
        joins_.ambiguous += group.size();
        return;
      }
      seen[all_[i].sensor] = true;
    }
    const auto out = [&](std::uint32_t i) { return trace(i).ttl_out; };
    const auto in = [&](std::uint32_t i) { return trace(i).ttl_in; };
    const std::uint32_t initiator = side_of(
        group, true, [&](std::uint32_t i) { return trace(i).initiator; }, out, in);
    const std::uint32_t responder = side_of(
        group, false, [&](std::uint32_t i) { return trace(i).responder; }, in, out);
    const bool translated = std::any_of(group.begin(), group.end(),
                                        [&](std::uint32_t i) { return !same_ends(trace(i), trace(group[0])); });
    // Nearer to both ends than all others is nobody.
    const auto differs = [&](auto&& end) {
      return std::any_of(group.begin(), group.end(), [&](std::uint32_t i) { return !(end(i) == end(group[0])); });
    };
    const bool both_differ = differs([&](std::uint32_t i) { return trace(i).initiator; }) &&
                             differs([&](std::uint32_t i) { return trace(i).responder; });
    if (initiator == kNone32 || responder == kNone32 || (both_differ && initiator == responder)) {
      joins_.undecided += 1;
      return;
    }
    RealEnds real{trace(initiator).initiator.address, trace(responder).responder.address,
                  trace(responder).responder.port, false};
    const auto is_real = [&](std::uint32_t i) {
      return trace(i).initiator == trace(initiator).initiator && trace(i).responder == trace(responder).responder;
    };
    std::uint32_t counts = initiator;  // the record that counts: one that names the real ends, if there is one
    for (const std::uint32_t i : group)
      if (is_real(i)) {
        counts = i;
        break;
      }
    for (const std::uint32_t i : group) {
      if (i == counts && is_real(i)) continue;
      real.seen_twice = i != counts;
      changes[trace(i).flow][real].push_back(i);
    }
    ++(translated ? joins_.translated : joins_.twice);
  }

  // ---- what that makes of the flows ----

  std::uint32_t number_of(const RealEnds& real) {
    const auto [at, fresh] = numbers_.try_emplace(real, static_cast<std::uint32_t>(evidence_.real_ends.size()));
    if (fresh) evidence_.real_ends.push_back(real);
    return at->second;
  }

  void apply(std::uint32_t number, const std::map<RealEnds, std::vector<std::uint32_t>>& parts) {
    if (number >= evidence_.flows.size()) return;
    std::size_t left = parts.size();
    for (const auto& [real, some] : parts) {
      --left;
      ObservedFlow& flow = evidence_.flows[number];
      if (left == 0 && some.size() >= flow.conversations) {
        flow.real = number_of(real);
        return;
      }
      evidence_.flows.push_back(take_out(flow, some));
      evidence_.flows.back().real = number_of(real);
    }
  }

  /// A flow of those conversations alone; the other one goes on without them.
  ObservedFlow take_out(ObservedFlow& flow, const std::vector<std::uint32_t>& some) {
    ObservedFlow taken = flow;
    taken.conversations = static_cast<std::uint32_t>(some.size());
    taken.established = 0;
    taken.packets_out = taken.packets_in = taken.bytes_out = taken.bytes_in = 0;
    taken.states = StateCounts{};
    taken.first = trace(some[0]).first;
    taken.last = trace(some[0]).last;
    for (const std::uint32_t i : some) {
      const ConversationTrace& t = trace(i);
      taken.established += t.established ? 1 : 0;
      taken.packets_out += t.packets_out, taken.packets_in += t.packets_in;
      taken.bytes_out += t.bytes_out, taken.bytes_in += t.bytes_in;
      taken.states.add(t.state);
      taken.first = std::min(taken.first, t.first);
      taken.last = std::max(taken.last, t.last);
    }
    const auto less = [](auto& from, auto by) {
      from -= std::min<std::remove_reference_t<decltype(from)>>(from, by);
    };
    less(flow.conversations, taken.conversations);
    less(flow.established, taken.established);
    less(flow.packets_out, taken.packets_out), less(flow.packets_in, taken.packets_in);
    less(flow.bytes_out, taken.bytes_out), less(flow.bytes_in, taken.bytes_in);
    StateCounts rest;
    for (std::size_t s = 0; s < kConnStates; ++s) {
      const auto state = static_cast<ConnState>(s);
      const std::uint32_t had = flow.states[state], gone = taken.states[state];
      if (had > gone) rest.add(state, had - gone);
    }
    flow.states = rest;
    return taken;
  }

  FlowEvidence& evidence_;
  std::vector<One> all_;
  std::uint32_t sensors_ = 0;
  std::vector<std::uint32_t> parent_;       // of the union
  std::vector<std::uint64_t> joined_with_;  // a bit for each sensor
  std::vector<std::uint32_t> crowded_, doubtful_;
  std::map<RealEnds, std::uint32_t> numbers_;
  NatJoins joins_;
};

}  // namespace

std::vector<std::string> notes_of(const NatJoins& joins) {
  std::vector<std::string> notes;
  if (joins.ambiguous != 0)
    notes.push_back(fmt::format("{} conversations look like several of another sensor and stand for themselves",
                                joins.ambiguous));
  if (joins.undecided != 0)
    notes.push_back(
        fmt::format("{} conversations were seen on both sides of an address translation, and nothing tells "
                    "which ends are real: each side stands for itself",
                    joins.undecided));
  return notes;
}

NatJoins join_sensors(std::span<const std::vector<ConversationTrace>> sensors, FlowEvidence& evidence) {
  if (sensors.size() < 2) return {};
  return Joiner(sensors, evidence).join();
}

}  // namespace demarc
