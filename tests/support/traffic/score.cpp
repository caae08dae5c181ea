#include "tests/support/traffic/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace demarc::traffic {

namespace {

// ICMP by hosts alone: programs number its conversations in different ways.
FlowKey key_of(Protocol protocol, Endpoint a, Endpoint b) {
  if (protocol.is_icmp()) a.port = b.port = Port(0);
  return FlowKey(FiveTuple{protocol, a, b});
}

std::string describe(Protocol protocol, const Endpoint& from, const Endpoint& to) {
  return fmt::format("{} > {} {}", to_string(from), to_string(to), to_string(protocol));
}

Nanoseconds distance(Timestamp a, Timestamp b) { return a < b ? b - a : a - b; }

std::string parent_text(const Endpoint& initiator, const Endpoint& responder, RelatedBy by) {
  return fmt::format("{} {} {} {}", to_string(initiator.address), to_string(responder.address),
                     responder.port.number(), name(by));
}

class Judge {
 public:
  explicit Judge(const std::vector<TrueFlow>& truth) : truth_(truth) {}

  void missing(const TrueFlow& t) {
    for (KindScore* k : {&score.kinds[t.kind], &score.all}) {
      ++k->flows;
      ++k->missing;
      note(*k, t, "nothing reported");
    }
  }
  void pair(const TrueFlow& t, const SaidFlow& s, bool direction_only) {
    for (KindScore* k : {&score.kinds[t.kind], &score.all}) {
      ++k->flows;
      direction(*k, t, s);
      if (!direction_only) rest(*k, t, s);
    }
  }
  Score score;

 private:
  static bool same_way(const TrueFlow& t, const SaidFlow& s) {
    return s.initiator.address == t.initiator.address &&
           (t.protocol.is_icmp() || s.initiator.port == t.initiator.port);
  }
  static void note(KindScore& k, const TrueFlow& t, const std::string& what) {
    if (k.example.empty())
      k.example = fmt::format("frame {}: {} {}: {}", t.frame_first, describe(t.protocol, t.initiator, t.responder),
                              name(t.state), what);
  }
  static void direction(KindScore& k, const TrueFlow& t, const SaidFlow& s) {
    const bool right = t.opener == Opener::either || same_way(t, s);
    const bool too_sure = s.certain && (t.opener == Opener::either || !right);
    ++(right ? k.right : k.wrong);
    k.certain += s.certain ? 1 : 0;
    k.wrong_certain += too_sure ? 1 : 0;
    if (!right || too_sure)
      note(k, t, fmt::format("{} called the opener, {}", to_string(s.initiator), s.certain ? "certain" : "likely"));
  }
  void rest(KindScore& k, const TrueFlow& t, const SaidFlow& s) const {
    // Counts are compared as what each end sent, so that a wrong direction is one fault and not five.
    const bool turned = !same_way(t, s);
    if (s.state && !turned && *s.state != t.state)
      ++k.state_wrong, note(k, t, fmt::format("state {}", name(*s.state)));
    if (s.established && *s.established != t.established)
      ++k.use_wrong, note(k, t, *s.established ? "called established" : "not called established");
    if (std::pair(turned ? s.packets_in : s.packets_out, turned ? s.packets_out : s.packets_in) !=
        std::pair(t.packets_out, t.packets_in))
      ++k.packets_wrong,
          note(k, t,
               fmt::format("{}+{} packets for {}+{}", s.packets_out, s.packets_in, t.packets_out, t.packets_in));
    if (s.bytes_out && std::pair(turned ? *s.bytes_in : *s.bytes_out, turned ? *s.bytes_out : *s.bytes_in) !=
                           std::pair(t.bytes_out, t.bytes_in))
      ++k.bytes_wrong,
          note(k, t, fmt::format("{}+{} bytes for {}+{}", *s.bytes_out, *s.bytes_in, t.bytes_out, t.bytes_in));
    if (!t.service.empty() && s.service != t.service) ++(s.service.empty() ? k.service_missing : k.service_wrong);
    if (t.parent != kNone && t.by) {
      const TrueFlow& p = truth_[t.parent];
      if (s.parent != parent_text(p.initiator, p.responder, *t.by)) {
        ++(s.parent.empty() ? k.parent_missing : k.parent_wrong);
        if (!s.parent.empty()) note(k, t, "parent " + s.parent);
      }
    } else if (!s.parent.empty()) {
      ++k.parent_wrong, note(k, t, "parent " + s.parent);
    }
  }
  const std::vector<TrueFlow>& truth_;
};

}  // namespace

SaidFlow said(const ObservedFlow& f, const FlowEvidence& evidence) {
  SaidFlow s{.protocol = f.protocol,
             .initiator = {f.initiator, f.initiator_port},
             .responder = {f.responder, f.port},
             .certain = f.initiator_certain,
             .established = f.established != 0,
             .packets_out = f.packets_out,
             .packets_in = f.packets_in,
             .bytes_out = f.bytes_out,
             .bytes_in = f.bytes_in,
             .first = f.first};
  for (std::size_t i = 0; i < kConnStates; ++i)
    if (f.states[static_cast<ConnState>(i)] != 0) s.state = static_cast<ConnState>(i);
  if (f.service != demarc::kNone32) s.service = evidence.services.at(f.service).name;
  if (f.parent != demarc::kNone32) {
    const ParentFlow& p = evidence.parents.at(f.parent);
    s.parent = parent_text({p.initiator, Port(0)}, {p.responder, p.port}, p.by);
  }
  return s;
}

Score score(const std::vector<TrueFlow>& truth, const std::vector<SaidFlow>& said, bool split_is_fault) {
  std::map<FlowKey, std::pair<std::vector<const TrueFlow*>, std::vector<const SaidFlow*>>> by_ends;
  for (const TrueFlow& t : truth) by_ends[key_of(t.protocol, t.initiator, t.responder)].first.push_back(&t);
  for (const SaidFlow& s : said) by_ends[key_of(s.protocol, s.initiator, s.responder)].second.push_back(&s);
  Judge judge(truth);
  for (auto& [key, both] : by_ends) {
    auto& [made, reported] = both;
    std::sort(made.begin(), made.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    std::vector<bool> used(reported.size());
    for (const TrueFlow* t : made) {
      std::size_t best = reported.size();
      const auto cost = [&](std::size_t i) {
        return std::tuple(distance(reported[i]->first, t->first), reported[i]->initiator != t->initiator);
      };
      for (std::size_t i = 0; i < reported.size(); ++i)
        if (!used[i] && (best == reported.size() || cost(i) < cost(best))) best = i;
      if (best != reported.size()) {
        used[best] = true;
        judge.pair(*t, *reported[best], !split_is_fault);
      } else if (!reported.empty() && !split_is_fault) {
        judge.pair(*t, *reported.back(), true);
      } else {
        judge.missing(*t);
      }
    }
    for (std::size_t i = 0; i < reported.size(); ++i) {
      if (used[i]) continue;
      ++judge.score.invented;
      if (judge.score.invented_example.empty())
        judge.score.invented_example = fmt::format(
            "{}, {} packets", describe(reported[i]->protocol, reported[i]->initiator, reported[i]->responder),
            reported[i]->packets_out + reported[i]->packets_in);
    }
  }
  return std::move(judge.score);
}

}  // namespace demarc::traffic
