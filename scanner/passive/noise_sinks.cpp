// What conversations have folded into: what a sink takes, what it closes, and which ones go when they are too many.
#include <algorithm>
#include <initializer_list>
#include <utility>

#include "scanner/passive/noise_body.h"

namespace demarc {

using namespace noise_parts;

std::uint32_t NoiseTable::Body::sink_of(const Ends& e, Level level, NoiseKind kind) {
  const std::uint32_t hash = hash_of(e, level);
  std::uint32_t group = find_group(e, level, hash);
  if (group == kNone) group = add_group(level, hash);
  if (groups_[group].sink != kNone) return groups_[group].sink;
  std::uint32_t number;
  if (free_sinks_.empty()) {
    number = static_cast<std::uint32_t>(sinks_.size());
    sinks_.emplace_back();
  } else {
    number = free_sinks_.back();
    free_sinks_.pop_back();
  }
  Sink& s = sinks_[number];
  s.ends = e;
  s.level = level;
  s.kind = kind;
  s.group = group;
  s.born = sinks_clock_;
  s.in_use = true;
  groups_[group].sink = number;
  sinks_bytes_ += kBytesSink;
  return number;
}

void NoiseTable::Body::drop_sink(std::uint32_t number) {
  Sink& s = sinks_[number];
  Group& g = groups_[s.group];
  g.sink = kNone;
  if (g.count == 0) drop_group(s.group, s.ends);
  sinks_bytes_ -= kBytesSink + s.heap();
  s = Sink{};
  free_sinks_.push_back(number);
}

void NoiseTable::Body::take(std::uint32_t sink, const Ends& e, const Totals& totals) {
  Sink& s = sinks_[sink];
  s.totals.add(totals);
  const std::size_t before = s.heap();
  switch (s.level) {
    case Level::pair: break;
    case Level::server: s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1)); break;
    case Level::responder: s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1)); break;
    case Level::host_port:
    case Level::initiator:
    case Level::sender: s.responders.add(fingerprint(e.responder_high, e.responder_low, e.v6 & 2)); break;
    case Level::rest:
      s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1));
      s.responders.add(fingerprint(e.responder_high, e.responder_low, e.v6 & 2));
      break;
  }
  if (e.has_ports()) s.ports.add(e.port);
  sinks_bytes_ += s.heap() - before;
}

// `other` is of the same level or of a narrower one.
void NoiseTable::Body::take(std::uint32_t sink, const Sink& other) {
  Sink& s = sinks_[sink];
  const std::size_t before = s.heap();
  s.totals.add(other.totals);
  const Ends& e = other.ends;
  const auto has = [](Level level, std::initializer_list<Level> levels) {
    return std::find(levels.begin(), levels.end(), level) != levels.end();
  };
  // What the wider one counts, the narrower one either counted as well or has as its key.
  if (has(s.level, {Level::server, Level::responder, Level::rest})) {
    if (has(other.level, {Level::pair, Level::host_port, Level::initiator, Level::sender}))
      s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1));
    else
      s.initiators.add(other.initiators);
  }
  if (has(s.level, {Level::host_port, Level::initiator, Level::sender, Level::rest})) {
    if (has(other.level, {Level::pair, Level::server, Level::responder}))
      s.responders.add(fingerprint(e.responder_high, e.responder_low, e.v6 & 2));
    else
      s.responders.add(other.responders);
  }
  s.ports.add(other.ports);
  sinks_bytes_ += s.heap() - before;
}

void NoiseTable::Body::close(std::uint32_t group, const Ends& e, Level level) {
  const NoiseKind kind = level == Level::pair        ? NoiseKind::port_scan
                         : level == Level::host_port ? NoiseKind::host_scan
                                                     : NoiseKind::syn_flood;
  const std::uint32_t sink = sink_of(e, level, kind);
  sinks_[sink].kind = kind;
  sinks_[sink].closed = true;
  fold_members(group);
  if (level != Level::server) add_scan(e, sink);
}

// One more scan of that initiator. Too many become one.
void NoiseTable::Body::add_scan(const Ends& e, std::uint32_t scan) {
  const std::uint32_t number = sink_of(e.at(Level::initiator), Level::initiator, NoiseKind::attempts);
  Sink& initiator = sinks_[number];
  if (!initiator.closed && initiator.scans_count < initiator.scans.size()) {
    initiator.scans[initiator.scans_count++] = scan;
    return;
  }
  take(number, sinks_[scan]);
  drop_sink(scan);
  close_initiator(number);
}

void NoiseTable::Body::close_initiator(std::uint32_t number) {
  Sink& initiator = sinks_[number];
  initiator.closed = true;
  for (std::uint32_t i = 0; i < initiator.scans_count; ++i) {
    take(number, sinks_[initiator.scans[i]]);
    drop_sink(initiator.scans[i]);
  }
  initiator.scans_count = 0;
}

std::uint32_t NoiseTable::Body::rest_of(NoiseKind kind, std::uint8_t protocol) {
  constexpr std::uint8_t kKnown[] = {1, 6, 17, 58, 132};
  Ends e;
  e.port = static_cast<std::uint16_t>(kind);
  e.protocol = std::find(std::begin(kKnown), std::end(kKnown), protocol) != std::end(kKnown) ? protocol : 255;
  return sink_of(e, Level::rest, kind);
}

// The less frequent half goes to the rest.
void NoiseTable::Body::drop_sinks() {
  struct Worth {
    std::int64_t worth;
    std::uint32_t number;
    auto operator<=>(const Worth&) const = default;
  };
  while (sinks_bytes_ > sinks_bytes_max_ / 4 * 3) {
    std::vector<Worth> all;
    for (std::uint32_t i = 0; i < sinks_.size(); ++i) {
      const Sink& s = sinks_[i];
      if (!s.in_use || s.level == Level::rest || (s.level == Level::initiator && s.totals.attempts == 0)) continue;
      all.push_back(
          {static_cast<std::int64_t>(s.totals.attempts) - static_cast<std::int64_t>(sinks_clock_ - s.born), i});
    }
    if (all.empty()) return;
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    sinks_clock_ += static_cast<std::uint64_t>(std::max<std::int64_t>(1, middle->worth));
    all.erase(middle + 1, all.end());
    std::sort(all.begin(), all.end(), [](const Worth& a, const Worth& b) { return a.number < b.number; });
    for (const Worth& w : all) {
      const Sink& s = sinks_[w.number];
      if (s.level == Level::initiator && s.scans_count != 0) {
        // It stays for its scans' sake; what it has counted goes.
        take(rest_of(kind_of(s), s.ends.protocol), s);
        Sink& initiator = sinks_[w.number];
        sinks_bytes_ -= initiator.heap();
        initiator.totals = {};
        initiator.responders = DistinctCount();
        initiator.ports = PortBits();
        continue;
      }
      if (s.level == Level::pair || s.level == Level::host_port) {
        const Ends at = s.ends.at(Level::initiator);
        const std::uint32_t group = find_group(at, Level::initiator, hash_of(at, Level::initiator));
        if (group != kNone && groups_[group].sink != kNone) {
          const std::uint32_t number = groups_[group].sink;
          Sink& initiator = sinks_[number];
          const auto end = initiator.scans.begin() + initiator.scans_count;
          const auto gone = std::remove(initiator.scans.begin(), end, w.number);
          initiator.scans_count -= static_cast<std::uint32_t>(end - gone);
          if (initiator.scans_count == 0 && initiator.totals.attempts == 0) drop_sink(number);
        }
      }
      take(rest_of(kind_of(sinks_[w.number]), sinks_[w.number].ends.protocol), sinks_[w.number]);
      if (s.level == Level::pair || s.level == Level::host_port || s.level == Level::sender)
        give_up(s.totals.source, s.totals.attempts);
      drop_sink(w.number);
    }
  }
}

}  // namespace demarc
