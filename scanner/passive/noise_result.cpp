// Two tables put together, and what is told at the end of a window.
#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "scanner/passive/noise_body.h"

namespace demarc {

using namespace noise_parts;

void NoiseTable::Body::absorb(Body& other) {
  for (const Sink& s : other.sinks_) {
    if (!s.in_use || (s.level == Level::initiator && s.totals.attempts == 0)) continue;
    const Ends e = s.ends;
    const std::uint32_t number = sink_of(e, s.level, s.kind);
    take(number, s);
    if (!s.closed) continue;
    const bool was_closed = sinks_[number].closed;
    if (s.level == Level::initiator) {
      close_initiator(number);
    } else if (!was_closed) {
      close(sinks_[number].group, e, s.level);
    }
  }
  for (std::uint32_t i = 0; i < other.held_.size(); ++i) {
    const Held& h = other.held_[i];
    if (!h.in_use) continue;
    const std::uint32_t sink = closed_sink_of(h.ends);
    if (sink != kNone) {
      take(sink, h.ends, h.totals());
      continue;
    }
    Attempt a;
    a.initiator = h.ends.initiator();
    a.responder = h.ends.responder();
    a.protocol = Protocol(h.ends.protocol);
    a.initiator_certain = h.certain;
    a.port = h.ends.port;
    a.source = h.source, a.record = h.record, a.tunnel = h.tunnel;
    a.conversations = h.conversations;
    a.packets_out = h.packets_out, a.packets_in = h.packets_in;
    a.bytes_out = h.bytes_out, a.bytes_in = h.bytes_in;
    a.first = Timestamp(Nanoseconds(h.first)), a.last = Timestamp(Nanoseconds(h.last));
    hold(a, h.ends, &h.states);
  }
  if (given_up.size() < other.given_up.size()) given_up.resize(other.given_up.size());
  for (std::size_t i = 0; i < other.given_up.size(); ++i) given_up[i] += other.given_up[i];
  other.clear();
  if (sinks_bytes_ > sinks_bytes_max_) drop_sinks();
}

NoiseKind NoiseTable::Body::kind_of(const Sink& s) const {
  if (s.level == Level::initiator && s.closed)
    return s.ports.count() > s.responders.count() ? NoiseKind::port_scan : NoiseKind::host_scan;
  if (s.level == Level::server) {
    // Only handshakes can be left incomplete; many unanswered datagrams are just that.
    const bool many =
        s.ends.protocol == Protocol::tcp.number() && s.initiators.count() > criteria::kFloodInitiators;
    return many ? NoiseKind::syn_flood : NoiseKind::attempts;
  }
  return s.kind;
}

TrafficNoise NoiseTable::Body::noise_of(const Sink& s) const {
  TrafficNoise n;
  n.kind = kind_of(s);
  n.protocol = Protocol(s.ends.protocol);
  n.ports = s.ports.ports(criteria::kPortRanges);
  n.attempts = s.totals.attempts;
  n.packets = s.totals.packets;
  n.bytes = s.totals.bytes;
  n.source = s.totals.source;
  n.record = s.totals.record;
  n.first = Timestamp(Nanoseconds(s.totals.first));
  n.last = Timestamp(Nanoseconds(s.totals.last));
  switch (s.level) {
    case Level::pair:
      n.initiator = s.ends.initiator();
      n.responder = s.ends.responder();
      break;
    case Level::host_port:
    case Level::initiator:
    case Level::sender:
      n.initiator = s.ends.initiator();
      n.responders = s.responders.count();
      break;
    case Level::server:
    case Level::responder:
      n.responder = s.ends.responder();
      n.initiators = s.initiators.count();
      break;
    case Level::rest:
      n.initiators = s.initiators.count();
      n.responders = s.responders.count();
      break;
  }
  return n;
}

void NoiseTable::Body::finish(std::span<const ObservedFlow> records, std::vector<ObservedFlow>& kept,
                              std::vector<TrafficNoise>& noise) {
  // What else the initiators of many scans asked belongs to their scanning.
  for (std::uint32_t i = 0; i < held_.size(); ++i) {
    if (!held_[i].in_use) continue;
    const std::uint32_t sink = closed_sink_of(held_[i].ends);
    if (sink == kNone) continue;
    take(sink, held_[i].ends, held_[i].totals());
    release(i);
  }
  std::unordered_map<std::uint32_t, std::uint64_t> established;  // by sink
  const bool floods =
      std::any_of(sinks_.begin(), sinks_.end(), [](const Sink& s) { return s.level == Level::server; });
  if (floods) {
    for (const ObservedFlow& f : records) {
      if (f.established == 0) continue;
      Attempt a;
      a.responder = f.responder;
      a.protocol = f.protocol;
      a.port = f.port.number();
      const Ends at = Ends::of(a).at(Level::server);
      const std::uint32_t group = find_group(at, Level::server, hash_of(at, Level::server));
      if (group != kNone && groups_[group].sink != kNone) established[groups_[group].sink] += f.established;
    }
  }
  const std::size_t noise_before = noise.size(), kept_before = kept.size();
  for (std::uint32_t i = 0; i < sinks_.size(); ++i) {
    const Sink& s = sinks_[i];
    if (!s.in_use || s.totals.attempts == 0) continue;
    TrafficNoise n = noise_of(s);
    if (n.kind == NoiseKind::syn_flood && s.level == Level::server)
      if (const auto found = established.find(i);
          found != established.end() && n.attempts / criteria::kFloodRatio < found->second)
        n.kind = NoiseKind::attempts;
    noise.push_back(std::move(n));
  }
  for (std::uint32_t i = 0; i < held_.size(); ++i) {
    const Held& h = held_[i];
    if (!h.in_use) continue;
    ObservedFlow& f = kept.emplace_back();
    f.initiator = h.ends.initiator();
    f.responder = h.ends.responder();
    f.protocol = Protocol(h.ends.protocol);
    f.initiator_certain = h.certain;
    if (f.protocol.is_icmp())
      f.icmp = {static_cast<std::uint8_t>(h.ends.port >> 8), static_cast<std::uint8_t>(h.ends.port)};
    else
      f.port = Port(h.ends.port);
    f.source = h.source;
    f.record = h.record;
    f.tunnel = h.tunnel;
    f.conversations = h.conversations;
    f.packets_out = h.packets_out, f.packets_in = h.packets_in;
    f.bytes_out = h.bytes_out, f.bytes_in = h.bytes_in;
    f.first = Timestamp(Nanoseconds(h.first)), f.last = Timestamp(Nanoseconds(h.last));
    f.states = h.states;
  }
  std::sort(noise.begin() + static_cast<std::ptrdiff_t>(noise_before), noise.end(),
            [](const TrafficNoise& a, const TrafficNoise& b) {
              return std::tie(a.kind, a.initiator, a.responder, a.protocol, a.ports, a.attempts, a.first, a.source,
                              a.record) < std::tie(b.kind, b.initiator, b.responder, b.protocol, b.ports,
                                                   b.attempts, b.first, b.source, b.record);
            });
  std::sort(kept.begin() + static_cast<std::ptrdiff_t>(kept_before), kept.end(),
            [](const ObservedFlow& a, const ObservedFlow& b) {
              return std::tie(a.protocol, a.initiator, a.responder, a.port, a.icmp, a.tunnel) <
                     std::tie(b.protocol, b.initiator, b.responder, b.port, b.icmp, b.tunnel);
            });
  clear();
}

void NoiseTable::Body::clear() {
  held_.clear();
  free_held_ = std::vector<std::uint32_t>();  // `= {}` would keep the memory
  held_index_.clear();
  groups_ = std::vector<Group>();
  free_groups_ = std::vector<std::uint32_t>();
  groups_index_.clear();
  sinks_.clear();
  free_sinks_ = std::vector<std::uint32_t>();
  sinks_bytes_ = 0;
  sinks_clock_ = 0;
  doorkeeper_.clear();
  serial_ = clock_ = 0;
  given_up.clear();
}

}  // namespace demarc
