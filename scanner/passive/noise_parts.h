// Two stores and a doorkeeper. *Held* conversations, one for each (initiator, responder, protocol, port, tunnel),
// are chained into up to three groups each: the ports of a pair of hosts, the responders of an initiator's port,
// the initiators of a responder's port. *Sinks* are records that conversations have folded into; a sink that is
// closed takes everything of its group from then on, so that a flood costs three look-ups a conversation and no
// memory.
//
// When the held ones are too many, half of them fold away, in the manner of Misra and Gries' frequent items: each
// is worth the size of its largest group, less what it has aged; what the median is worth is taken from all.
// Whatever makes up more than about one in (places / 2) of the stream therefore stays and grows into a sink. Sinks
// are kept in the same way, worth their attempts; those that go are added up by kind and protocol.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "rules/evidence/noise_criteria.h"
#include "scanner/passive/distinct.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/noise.h"
#include "scanner/passive/pages.h"

namespace demarc::noise_parts {

namespace criteria = noise_criteria;
constexpr std::uint32_t kNone = HashIndex::kNone;

// What the conversations of a group have in common.
enum class Level : std::uint8_t {
  pair,       // initiator, responder: its ports
  host_port,  // initiator, port: its responders
  server,     // responder, port: its initiators
  initiator,
  responder,
  sender,  // of backscatter
  rest,    // nothing but kind (in `port`) and protocol
};
constexpr std::size_t kHeldLevels = 3;  // those whose members are chained
constexpr Level kLevels[kHeldLevels] = {Level::pair, Level::host_port, Level::server};

struct Ends {
  std::uint64_t initiator_high = 0, initiator_low = 0, responder_high = 0, responder_low = 0;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t v6 = 0;  // bit 0: the initiator's address is IPv6, bit 1: the responder's

  bool operator==(const Ends&) const = default;
  auto operator<=>(const Ends&) const = default;

  static Ends of(const Attempt& a) {
    return {a.initiator.high(),
            a.initiator.low(),
            a.responder.high(),
            a.responder.low(),
            a.port,
            a.protocol.number(),
            static_cast<std::uint8_t>((a.initiator.is_ipv4() ? 0 : 1) | (a.responder.is_ipv4() ? 0 : 2))};
  }
  Address initiator() const {
    return v6 & 1 ? Address::ipv6(initiator_high, initiator_low)
                  : Address::ipv4(static_cast<std::uint32_t>(initiator_low));
  }
  Address responder() const {
    return v6 & 2 ? Address::ipv6(responder_high, responder_low)
                  : Address::ipv4(static_cast<std::uint32_t>(responder_low));
  }
  Ends at(Level level) const {  // forgets what differs within the group
    Ends e = *this;
    const bool keeps_initiator =
        level == Level::pair || level == Level::host_port || level == Level::initiator || level == Level::sender;
    const bool keeps_responder = level == Level::pair || level == Level::server || level == Level::responder;
    if (!keeps_initiator) e.initiator_high = e.initiator_low = 0, e.v6 &= 2;
    if (!keeps_responder) e.responder_high = e.responder_low = 0, e.v6 &= 1;
    if (level != Level::host_port && level != Level::server && level != Level::rest) e.port = 0;
    return e;
  }
  bool has_ports() const { return Protocol(protocol).has_ports(); }
};

struct Totals {
  std::uint64_t attempts = 0, packets = 0, bytes = 0;
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = std::numeric_limits<std::int64_t>::min();
  std::uint32_t source = 0, record = 0;
  void add(const Totals& o) {
    attempts += o.attempts;
    packets += o.packets;
    bytes += o.bytes;
    if (std::tie(o.first, o.source, o.record) < std::tie(first, source, record) || first > last)
      first = o.first, source = o.source, record = o.record;
    last = std::max(last, o.last);
  }
};

struct Held {
  Ends ends;
  std::uint32_t tunnel = kNone32;
  std::uint32_t source = 0, record = 0;
  std::uint32_t serial = 0;  // order of arrival
  std::uint32_t conversations = 0;
  std::uint32_t born = 0;  // the clock of fold_half() then
  std::uint64_t packets_out = 0, packets_in = 0, bytes_out = 0, bytes_in = 0;
  std::int64_t first = 0, last = 0;
  StateCounts states;
  std::array<std::uint32_t, kHeldLevels> group{kNone, kNone, kNone}, next{kNone, kNone, kNone},
      before{kNone, kNone, kNone};
  bool in_use = false, certain = false;

  Totals totals() const {
    return {conversations, packets_out + packets_in, bytes_out + bytes_in, first, last, source, record};
  }
};

// Of the held conversations with the same ends(level), or a sink, or both.
struct Group {
  std::uint32_t head = kNone;  // the newest member
  std::uint32_t count = 0;
  std::uint32_t sink = kNone;
  Level level = Level::pair;
  bool in_use = false;
};

struct Sink {
  Ends ends;  // at its level
  Level level = Level::rest;
  NoiseKind kind = NoiseKind::attempts;
  bool closed = false;  // takes everything of its group
  bool in_use = false;
  std::uint32_t group = kNone;
  std::uint64_t born = 0;  // the clock of drop_sinks() then
  std::array<std::uint32_t, criteria::kScansOfOneInitiator>
      scans;  // Level::initiator, not closed: its scans' sinks
  std::uint32_t scans_count = 0;
  Totals totals;
  DistinctCount initiators, responders;
  PortBits ports;
  std::size_t heap() const { return initiators.heap() + responders.heap() + ports.heap(); }
};

// Whether a hash was seen lately: forgets everything when a sixteenth of its bits are set.
class Doorkeeper {
 public:
  // Memory that is not touched before an attempt is: most tables see few.
  void resize(std::size_t bytes) {
    words_ = Pages<std::uint64_t>(std::bit_floor(std::max<std::size_t>(bytes, 4096)) / 8);
  }
  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&words_[word(hash)], 1); }
  bool seen(std::uint32_t hash) {
    std::uint64_t& word_ = words_[word(hash)];
    const std::uint64_t bit = std::uint64_t{1} << (hash & 63);
    if (word_ & bit) return true;
    word_ |= bit;
    ++set_;
    return false;
  }
  void tidy() {
    if (set_ < words_.size() * 4) return;
    std::fill_n(words_.data(), words_.size(), 0);
    set_ = 0;
  }
  void clear() {
    if (std::exchange(set_, 0) != 0) words_ = Pages<std::uint64_t>(words_.size());
  }
  std::size_t bytes() const { return words_.size() * 8; }

 private:
  std::size_t word(std::uint32_t hash) const { return (hash >> 6) & (words_.size() - 1); }
  Pages<std::uint64_t> words_;
  std::size_t set_ = 0;
};

class HeldStore {  // grows without moving what is there
 public:
  Held& operator[](std::uint32_t i) { return chunks_[i >> kBits][i & (kSize - 1)]; }
  const Held& operator[](std::uint32_t i) const { return chunks_[i >> kBits][i & (kSize - 1)]; }
  std::uint32_t size() const { return size_; }
  std::size_t bytes() const { return chunks_.size() * kSize * sizeof(Held); }
  std::uint32_t add() {
    if ((size_ >> kBits) == chunks_.size()) chunks_.push_back(std::make_unique<Held[]>(kSize));
    return size_++;
  }
  void clear() {
    chunks_.clear();
    size_ = 0;
  }

 private:
  static constexpr unsigned kBits = 9;
  static constexpr std::uint32_t kSize = 1U << kBits;
  std::vector<std::unique_ptr<Held[]>> chunks_;
  std::uint32_t size_ = 0;
};

// A held conversation: itself, its place in the index, three groups with theirs, a state list of its own, and the
// room that fold_half() sorts in.
constexpr std::size_t kBytesHeld = sizeof(Held) + 26 + kHeldLevels * (sizeof(Group) + 26) + 64 + 24;
constexpr std::size_t kBytesSink = sizeof(Sink) + sizeof(Group) + 26;
constexpr std::size_t kMemoryMin = std::size_t{2} << 20;
// For the sinks of Level::rest, which never go: at most five kinds and six protocols, 24 KiB each.
constexpr std::size_t kBytesRest = 30 * (kBytesSink + 24 * 1024);
// So many together that fold away make a record of their own.
constexpr std::uint32_t kTogether = 8;

}  // namespace demarc::noise_parts
