// The two halves share nothing but a key, two clocks and addresses, each of which may mislead: a key serves many
// scans, clocks differ, addresses are translated. So an arrival counts only for a scan whose source it carries and
// in whose time it falls, and a missing one only where nothing but a filter is left to explain it.
#include "rules/evidence/witnessed.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "rules/evidence/journal.h"

namespace demarc {

namespace {

/// From when to when; empty where `last` lies before `first`.
struct Span {
  Timestamp first, last;
  bool meets(const Span& other, Nanoseconds skew) const {
    return first <= other.last + skew && other.first <= last + skew;
  }
};

Timestamp oldest(const Outcome& o, const Span& scan) { return o.at.value_or(scan.first); }
Timestamp newest(const Outcome& o, const Span& scan) {
  return o.at_latest ? *o.at_latest : o.at.value_or(scan.last);
}

Span time_of(const ScanRun& scan) {
  Span span{scan.header.started, scan.header.started};
  if (scan.summary) {
    span.last = std::max(span.last, scan.summary->finished);
  } else {  // interrupted: as far as its records go
    for (const Outcome& o : scan.outcomes) span.last = std::max(span.last, newest(o, span));
    for (const CanaryLook& look : scan.canaries) span.last = std::max(span.last, look.at);
  }
  return span;
}

Span time_of(const WitnessRun& witness) { return {witness.header.started, witness.listening.at}; }

bool contains(const std::vector<Address>& sorted, const Address& address) {
  return std::binary_search(sorted.begin(), sorted.end(), address);
}

std::vector<Address> own_sources(const ScanRun& scan) {
  std::vector<Address> own = scan.header.more_source_addresses;
  if (scan.header.source_address) own.push_back(*scan.header.source_address);
  std::sort(own.begin(), own.end());
  return own;
}

/// What one witness saw of one scan.
struct Seen {
  const WitnessRun* witness = nullptr;
  std::uint32_t index = 0;
  std::map<std::pair<Address, Protocol>, PortSet> ports;
  std::map<Family, Span> proven;      // the first and the last moment at which the way was good
  std::map<Address, Span> proven_to;  // the same for one address
  std::set<Address> strange_sources;  // that marked probes came from meanwhile, beside the scan's
};

void widen(std::map<Address, Span>& spans, const Address& key, const Span& by) {
  const auto [at, fresh] = spans.try_emplace(key, by);
  if (!fresh) at->second = {std::min(at->second.first, by.first), std::max(at->second.last, by.last)};
}

/// Why nothing is said about a port whose probe did not arrive; in the order in which reasons are looked for.
enum class Silent : std::uint8_t { not_there, translated, tries, listening, dropped, unproven };
constexpr std::string_view kReasons[] = {
    "no witness stood there",   "its port may be rewritten on the way, and the mark with it",
    "not every try was made",   "the witness did not listen all the while",
    "the witness lost packets", "no marked probe of this source arrived both before and after",
};

class Matcher {
 public:
  Matcher(Snapshot& snapshot, const WitnessMapping& mapping) : snapshot_(snapshot), mapping_(mapping) {}

  void apply(ScanRun& scan) {
    if (scan.header.witness_key.empty()) return;
    time_ = time_of(scan);
    tries_max_ = scan.header.tries_max;
    // Silence is confirmed some time after the last question. Where the journal says when that was asked, it
    // counts.
    asked_until_.reset();
    if (scan.asked.pass >= tries_max_ && scan.summary && scan.summary->end == ScanEnd::complete)
      asked_until_ = scan.asked_at;
    const std::vector<Address> sources = sources_of(scan);
    std::vector<Seen> seen;
    for (std::uint32_t i = 0; i < snapshot_.witnesses.size(); ++i) {
      const WitnessRun& witness = snapshot_.witnesses[i];
      if (witness.header.key != scan.header.witness_key) continue;
      if (time_of(witness).meets(time_, kWitnessClockSkewMax)) seen.push_back(see(witness, i, scan, sources));
    }
    if (seen.empty()) {
      note(scan, "no witness with the key of this scan listened meanwhile");
      return;
    }
    left_.clear();
    contradicted_.clear();
    std::vector<Outcome> told;
    told.reserve(scan.outcomes.size());
    for (const Outcome& o : scan.outcomes) tell(scan, o, seen, told);
    compact(told);
    scan.outcomes = std::move(told);
    say_what_is_left(scan, seen);
  }

 private:
  static void note(ScanRun& scan, std::string text) {
    if (std::find(scan.notes.begin(), scan.notes.end(), text) == scan.notes.end())
      scan.notes.push_back(std::move(text));
  }

  std::vector<Address> claimed_sources(const ScanRun& scan) const {
    std::vector<Address> sources = own_sources(scan);
    if (mapping_.sources)
      for (const Address& address : mapping_.sources(scan)) sources.push_back(address);
    std::sort(sources.begin(), sources.end());
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    return sources;
  }

  /// Addresses that mean this scan and no other. Two vantage points behind one translated address that worked at
  /// the same time cannot be told apart by it.
  std::vector<Address> sources_of(const ScanRun& scan) const {
    const std::vector<Address> own = own_sources(scan);
    std::vector<Address> sources = claimed_sources(scan);
    for (const ScanRun& other : snapshot_.scans) {
      if (&other == &scan || other.header.witness_key != scan.header.witness_key || own_sources(other) == own ||
          !time_of(other).meets(time_, kWitnessClockSkewMax))
        continue;
      const std::vector<Address> theirs = claimed_sources(other);
      std::erase_if(sources, [&](const Address& a) { return contains(theirs, a) && !contains(own, a); });
    }
    return sources;
  }

  Seen see(const WitnessRun& witness, std::uint32_t index, const ScanRun& scan,
           const std::vector<Address>& sources) const {
    Seen seen;
    seen.witness = &witness;
    seen.index = index;
    std::map<std::pair<Address, Protocol>, std::vector<PortRange>> ranges;
    for (const Arrival& a : witness.arrivals) {
      if (!Span{a.first, a.last}.meets(time_, kWitnessClockSkewMax)) continue;
      // A witness on a router sees what passes it, before the filter or behind: only what ends there has arrived.
      if (!witness.header.span && !contains(witness.header.addresses, a.target)) continue;
      if (!contains(sources, a.source)) {
        seen.strange_sources.insert(a.source);
        continue;
      }
      std::vector<PortRange>& to = ranges[{a.target, a.protocol}];
      to.insert(to.end(), a.ports.ranges().begin(), a.ports.ranges().end());
      widen(seen.proven_to, a.target, {a.first, a.last});
    }
    for (auto& [key, list] : ranges) seen.ports[key] = PortSet::of(std::move(list));
    // A canary of that very host that answered shows the way good as well, once it is known that the witness sees
    // this source at all.
    for (const CanaryLook& look : scan.canaries)
      if (look.answered && seen.proven_to.contains(look.target))
        widen(seen.proven_to, look.target, {look.at, look.at});
    for (const auto& [target, span] : seen.proven_to) {
      const auto [at, fresh] = seen.proven.try_emplace(target.family(), span);
      if (!fresh) at->second = {std::min(at->second.first, span.first), std::max(at->second.last, span.last)};
    }
    return seen;
  }

  /// One outcome, taken apart by what the witnesses say about its ports.
  void tell(const ScanRun& scan, const Outcome& o, const std::vector<Seen>& seen, std::vector<Outcome>& told) {
    const bool marked = o.protocol == Protocol::tcp || o.protocol == Protocol::udp;
    const bool left_us = o.answer != Answer::no_neighbour && o.answer != Answer::local_refusal;
    if (!marked || !left_us || o.doubt == Doubt::self_connect) {
      told.push_back(o);
      return;
    }
    PortSet rest{o.ports};
    std::vector<BehindPorts> parts;
    if (mapping_.behind) parts = mapping_.behind(scan, o.target, o.ports);
    for (BehindPorts& part : parts) {
      part.ports = part.ports.intersect(rest);
      rest = rest.minus(part.ports);
    }
    if (!rest.empty()) parts.push_back({std::move(rest), {o.target}, true});
    for (const BehindPorts& part : parts)
      if (!part.ports.empty()) tell_part(o, part, seen, told);
  }

  void tell_part(const Outcome& o, const BehindPorts& part, const std::vector<Seen>& seen,
                 std::vector<Outcome>& told) {
    PortSet rest = part.ports;
    for (const Seen& s : seen) {
      PortSet arrived;
      const auto look = [&](const Address& address) {
        const auto at = s.ports.find({address, o.protocol});
        if (at != s.ports.end()) arrived = arrived.unite(at->second.intersect(rest));
      };
      for (const Address& real : part.real) look(real);
      if (std::find(part.real.begin(), part.real.end(), o.target) == part.real.end())
        look(o.target);  // a mirror port may stand before the translation
      emit(o, arrived, Passage::passed, s.index, told);
      rest = rest.minus(arrived);
    }
    if (rest.empty()) return;
    Silent why = Silent::not_there;
    for (const Seen& s : seen) {
      const std::optional<Silent> reason = cannot_say(o, part, s);
      if (reason) {
        why = std::max(why, *reason);
        continue;
      }
      if (o.passage == Passage::passed) contradicted_[o.target] += rest.size();
      emit(o, rest, Passage::blocked, s.index, told);
      return;
    }
    emit(o, rest, o.passage, o.witness, told);
    auto& [ports, targets] = left_[why];
    ports += rest.size();
    targets.insert(o.target);
  }

  /// Why a probe that this witness did not see may have arrived all the same.
  std::optional<Silent> cannot_say(const Outcome& o, const BehindPorts& part, const Seen& s) const {
    const WitnessRun& w = *s.witness;
    const auto stood_there = [&](const Address& real) {
      return w.header.span ? s.proven_to.contains(real) : contains(w.header.addresses, real);
    };
    // Where several addresses stand behind one, packets may go to one that nobody watches.
    if (part.real.empty() || !std::all_of(part.real.begin(), part.real.end(), stood_there))
      return Silent::not_there;
    if (!part.ports_kept) return Silent::translated;
    // An answer ends the tries; whoever gave it was not lost on the way.
    if (o.answer == Answer::silence && o.tries < tries_max_) return Silent::tries;
    Timestamp until = newest(o, time_);
    if (o.answer == Answer::silence && asked_until_) until = std::min(until, *asked_until_);
    if (w.header.started > time_.first || w.listening.at < until) return Silent::listening;
    if (w.listening.dropped != 0) return Silent::dropped;
    std::optional<Span> good;
    if (w.header.span) {
      good = s.proven_to.at(part.real.front());
    } else if (const auto at = s.proven.find(part.real.front().family()); at != s.proven.end()) {
      good = at->second;
    }
    // The two times are of two clocks.
    if (!good || good->first > oldest(o, time_) + kWitnessClockSkewMax || good->last + kWitnessClockSkewMax < until)
      return Silent::unproven;
    return std::nullopt;
  }

  static void emit(const Outcome& o, const PortSet& ports, Passage passage, std::uint32_t witness,
                   std::vector<Outcome>& told) {
    for (const PortRange& range : ports.ranges()) {
      Outcome part = o;
      part.ports = range;
      part.passage = passage;
      part.witness = witness;
      told.push_back(std::move(part));
    }
  }

  void say_what_is_left(ScanRun& scan, const std::vector<Seen>& seen) {
    std::set<Address> strange;
    bool any = false;
    for (const Seen& s : seen) {
      strange.insert(s.strange_sources.begin(), s.strange_sources.end());
      any = any || !s.ports.empty();
    }
    if (!any && !strange.empty()) {
      note(scan,
           fmt::format("marked probes reached the witness from {}{}, an address this scan does not name: if the "
                       "source is translated on the way, the rule set has to say so",
                       to_string(*strange.begin()),
                       strange.size() > 1 ? fmt::format(" and {} more", strange.size() - 1) : ""));
    } else if (!any) {
      note(scan,
           "no probe of this scan reached the witness: nothing passes, or the witness does not stand on the "
           "way, or the clocks of the two differ");
    }
    for (const auto& [why, what] : left_) {
      const auto& [ports, targets] = what;
      note(scan, fmt::format(
                     "{} of {} did not reach a witness, and may have passed all the same: {}",
                     ports == 1 ? "1 probe" : fmt::format("{} probes", ports),
                     targets.size() == 1 ? to_string(*targets.begin()) : fmt::format("{} targets", targets.size()),
                     kReasons[static_cast<std::size_t>(why)]));
    }
    for (const auto& [target, ports] : contradicted_) {
      note(scan,
           fmt::format("{} answered {}, and the witness there saw no such probe: somebody else answers in its "
                       "name, or the probes go another way",
                       to_string(target), ports == 1 ? "1 probe" : fmt::format("{} probes", ports)));
    }
  }

  Snapshot& snapshot_;
  const WitnessMapping& mapping_;
  Span time_;
  std::uint32_t tries_max_ = 1;
  std::optional<Timestamp> asked_until_;
  std::map<Silent, std::pair<std::uint64_t, std::set<Address>>> left_;
  std::map<Address, std::uint64_t> contradicted_;
};

}  // namespace

void apply_witnesses(Snapshot& snapshot, const WitnessMapping& mapping) {
  // The order of files is no evidence.
  std::stable_sort(snapshot.witnesses.begin(), snapshot.witnesses.end(),
                   [](const WitnessRun& a, const WitnessRun& b) {
                     return std::tie(a.header.started, a.header.at, a.header.run, a.file) <
                            std::tie(b.header.started, b.header.at, b.header.run, b.file);
                   });
  if (snapshot.witnesses.empty()) return;
  Matcher matcher(snapshot, mapping);
  for (ScanRun& scan : snapshot.scans) matcher.apply(scan);
}

}  // namespace demarc
