#include "scanner/active/witness.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "scanner/capture/live.h"

namespace demarc {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFlushInterval = std::chrono::seconds(1);       // a kill loses no more than this
constexpr auto kSignOfLifeInterval = std::chrono::seconds(5);  // where nothing arrives
constexpr int kRingTimeoutMs = 100;  // after which the kernel hands a part-filled block over
// A packet may lie in the ring for a while before we see it: what is said to be on record is older than that.
constexpr auto kRingDelay = std::chrono::milliseconds(1000);
constexpr std::size_t kPortsPerRecord = 4096;  // keeps a line below 32 KiB

Timestamp wall_clock() {
  return Timestamp(std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

}  // namespace

void WitnessLog::on_packet(Timestamp at, const PacketView& packet) {
  ++packets_;
  if (!tagged_epoch(key_, tag_epoch(at.seconds()), packet)) {
    ++strangers_;
    return;
  }
  hits_.push_back({packet.source, packet.destination, packet.protocol, Port(packet.port), at});
}

std::vector<Arrival> WitnessLog::take() {
  std::sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) {
    return std::tie(a.source, a.target, a.protocol, a.port, a.at) <
           std::tie(b.source, b.target, b.protocol, b.port, b.at);
  });
  std::vector<Arrival> arrivals;
  std::vector<PortRange> ranges;
  for (std::size_t i = 0; i < hits_.size();) {
    const Hit& first = hits_[i];
    Arrival a;
    a.source = first.source;
    a.target = first.target;
    a.protocol = first.protocol;
    a.first = a.last = first.at;
    ranges.clear();
    for (; i < hits_.size(); ++i) {
      const Hit& hit = hits_[i];
      if (std::tie(hit.source, hit.target, hit.protocol) != std::tie(a.source, a.target, a.protocol)) break;
      const bool repeated = !ranges.empty() && ranges.back().last == hit.port;
      const bool next = !ranges.empty() && ranges.back().last.number() + 1U == hit.port.number();
      if (next)
        ranges.back().last = hit.port;
      else if (!repeated && ranges.size() == kPortsPerRecord)
        break;
      else if (!repeated)
        ranges.push_back(PortRange::single(hit.port));
      a.first = std::min(a.first, hit.at);
      a.last = std::max(a.last, hit.at);
      ++a.count;
    }
    a.ports = PortSet::of(ranges);
    arrivals.push_back(std::move(a));
  }
  hits_.clear();
  return arrivals;
}

std::string witness_filter(bool with_vlan_tags) {
  // A SYN alone, with a window of 32768 or more, or a datagram of 24 bytes. libpcap's tcp[] and udp[] know IPv4
  // only.
  const std::string probe =
      "(tcp[13] & 0x17 == 2 and tcp[14:2] >= 0x8000) or udp[4:2] == 32 or "
      "(ip6[6] == 6 and ip6[53] & 0x17 == 2 and ip6[54:2] >= 0x8000) or (ip6[6] == 17 and ip6[44:2] == 32)";
  // `vlan` moves every offset behind it, so it comes last.
  return with_vlan_tags ? probe + " or (vlan and (" + probe + "))" : probe;
}

Result<WitnessResult> run_witness(const WitnessRequest& request) {
  LiveOptions options;
  options.interface = request.interface_name;
  options.filter = witness_filter(false);
  options.snaplen = 192;  // link, tags, IPv6, a full TCP header
  options.promiscuous = request.span;
  // Probes that this machine sends itself, as the near end of another measurement, have not arrived anywhere.
  options.inbound_only = true;
  options.buffer_bytes = request.buffer_bytes;
  options.timeout_ms = kRingTimeoutMs;
  Result<std::unique_ptr<LiveCapture>> opened = failure("nothing was opened");
  if (request.span) {
    // A trunk's mirror carries tags; interfaces without a link header know none, and refuse the filter.
    options.filter = witness_filter(true);
    opened = LiveCapture::open(options);
    options.filter = witness_filter(false);
  }
  if (!opened) opened = LiveCapture::open(options);
  std::unique_ptr<LiveCapture> live = DEMARC_TRY(std::move(opened));
  if (!is_readable(live->link()))
    return failure("this interface's link type is not one that is read", "give the interface beneath it");

  const Timestamp started = wall_clock();
  DEMARC_TRY(request.on_ready(started));
  WitnessLog log(request.key);
  WitnessResult result;
  result.listening.at = started;
  Clock::time_point begun = Clock::now(), flushed = begun, lived = begun, shown = begun;

  const auto flush = [&](Timestamp at) -> Result<void> {
    std::string lines;
    for (const Arrival& arrival : log.take()) lines += witness_arrival(arrival);
    // Never backwards, whatever the clock does: a sign of life is a promise.
    result.listening.at = std::max(result.listening.at, at);
    result.listening.packets = log.packets();
    result.listening.strangers = log.strangers();
    result.listening.dropped = live->statistics().dropped;
    result.arrived = log.arrived();
    lines += witness_listening(result.listening);
    return request.on_lines(lines);
  };

  PacketView packet;
  std::array<CapturePacket, 1> one;
  const auto take_one = [&] {
    if (live->read(one) == 0) return false;
    if (decode(one[0].link, one[0].bytes, one[0].wire_length, packet))
      log.on_packet(one[0].at, packet);
    else
      log.on_unreadable();
    return true;
  };
  for (std::uint32_t taken = 0; !live->finished();) {
    const bool came = take_one();
    if (came && ++taken % 64 != 0 && !log.is_full()) continue;
    if (request.stop != nullptr && request.stop->load(std::memory_order_relaxed)) break;
    const Clock::time_point now = Clock::now();
    if (request.runtime_max && now - begun >= *request.runtime_max) {
      result.end = WitnessEnd::runtime_reached;
      break;
    }
    const bool due = !log.is_empty() ? now - flushed >= kFlushInterval : now - lived >= kSignOfLifeInterval;
    if (due || log.is_full()) {
      DEMARC_TRY(flush(wall_clock() - kRingDelay));
      flushed = lived = now;
    }
    if (log.is_empty()) flushed = now;
    if (request.on_progress && now - shown >= std::chrono::milliseconds(250)) {
      shown = now;
      request.on_progress({log.arrived(), log.strangers(), live->statistics().dropped, now - begun});
    }
  }
  // What arrived before the end and still lies in the ring belongs to the record; what comes now does not have to
  // wait for it.
  const Timestamp ended = wall_clock();
  const Clock::time_point patience = Clock::now() + kRingDelay;
  while (!live->finished() && Clock::now() < patience) {
    if (log.is_full()) DEMARC_TRY(flush(result.listening.at));
    if (!take_one() || one[0].at > ended) break;
  }
  if (live->finished()) {
    result.end = WitnessEnd::interface_lost;
    result.problem = live->statistics().problem;
  }
  // A lost interface was not heard up to now: the last sign of life stands.
  DEMARC_TRY(flush(result.end == WitnessEnd::interface_lost ? result.listening.at : ended));
  DEMARC_TRY(request.on_lines(witness_end(result.end, result.listening)));
  return result;
}

}  // namespace demarc
