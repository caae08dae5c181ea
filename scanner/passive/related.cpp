#include "scanner/passive/related.h"

#include <algorithm>

namespace demarc {

namespace {
constexpr std::uint16_t kFtpData = 20, kFirstFree = 1024;
constexpr std::uint32_t kLookedAt = 8;  // entries looked at for one that has ended

/// Captures may claim any time at all.
Timestamp later(Timestamp at, Nanoseconds by) {
  const Nanoseconds last = Nanoseconds::max() - by;
  return at.since_epoch() > last ? Timestamp(Nanoseconds::max()) : at + by;
}
}  // namespace

Related::Related(std::uint32_t entries_max, std::uint64_t hash_key)
    : entries_max_(std::max<std::uint32_t>(entries_max, 1)), hash_(hash_key ^ 0x72656C61746564ULL) {}

std::uint32_t Related::hash(Protocol protocol, const Endpoint& at, const Address& peer) const {
  const std::uint64_t rest = std::uint64_t{at.port.number()} | std::uint64_t{protocol.number()} << 16 |
                             std::uint64_t{at.address.is_ipv4()} << 24;
  return hash_(at.address.high(), at.address.low(), peer.high(), peer.low(), rest);
}

std::uint32_t Related::find(Protocol protocol, const Endpoint& at, const Address& peer,
                            std::uint32_t hashed) const {
  return index_.find(hashed, [&](std::uint32_t number) {
    const ExpectedConversation& e = entries_[number].expected;
    return e.at == at && e.peer == peer && e.protocol == protocol;
  });
}

Related::Taken Related::expect(const ExpectedConversation& expected, Timestamp at) {
  if (expected.at.port.number() < kFirstFree) return Taken::refused;
  if (expected.protocol != Protocol::tcp && expected.protocol != Protocol::udp) return Taken::refused;
  const std::uint32_t hashed = hash(expected.protocol, expected.at, expected.peer);
  std::uint32_t number = find(expected.protocol, expected.at, expected.peer, hashed);
  if (number == HashIndex::kNone) {
    number = place(at);
    index_.insert(hashed, number);
    std::vector<std::uint32_t>& waiting = at_port_[slot(expected.protocol)];
    if (waiting.empty()) waiting.assign(65536, 0);
    ++waiting[expected.at.port.number()];
  }
  entries_[number] = {expected, later(at, expected.life), true, false, Port{}};
  return Taken::yes;
}

std::uint32_t Related::place(Timestamp at) {
  // Each announcement looks at a few others, so that what has ended does not stay.
  std::uint32_t soonest = HashIndex::kNone;
  for (std::uint32_t i = 0; i < kLookedAt && !entries_.empty(); ++i) {
    sweep_ = sweep_ + 1 < entries_.size() ? sweep_ + 1 : 0;
    if (!entries_[sweep_].used) continue;
    if (entries_[sweep_].ends < at)
      erase(sweep_);
    else if (soonest == HashIndex::kNone || entries_[sweep_].ends < entries_[soonest].ends)
      soonest = sweep_;
  }
  if (free_.empty()) {
    if (entries_.size() < entries_max_) {
      entries_.emplace_back();
      return static_cast<std::uint32_t>(entries_.size() - 1);
    }
    ++dropped_;  // no place is free, so each one looked at was in use
    erase(soonest);
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  return number;
}

void Related::erase(std::uint32_t number) {
  const ExpectedConversation& e = entries_[number].expected;
  index_.erase(hash(e.protocol, e.at, e.peer), number);
  --at_port_[slot(e.protocol)][e.at.port.number()];
  entries_[number].used = false;
  free_.push_back(number);
}

std::uint32_t Related::parent_of(Protocol protocol, const Endpoint& initiator, const Endpoint& responder,
                                 Timestamp at) {
  if (protocol != Protocol::tcp && protocol != Protocol::udp) return kNone32;
  const std::vector<std::uint32_t>& waiting = at_port_[slot(protocol)];
  if (waiting.empty()) return kNone32;
  const auto look = [&](const Endpoint& announced, const Endpoint& other, bool opens) {
    if (waiting[announced.port.number()] == 0) return kNone32;
    const std::uint32_t number = find(protocol, announced, other.address, hash(protocol, announced, other.address));
    if (number == HashIndex::kNone) return kNone32;
    Entry& entry = entries_[number];
    const ExpectedConversation& e = entry.expected;
    if (opens && !e.either_opens) return kNone32;
    if (!e.low_source && other.port.number() < kFirstFree && other.port.number() != kFtpData) return kNone32;
    if (entry.ends < at) {
      erase(number);
      return kNone32;
    }
    const std::uint32_t parent = e.parent;
    if (!e.once) {
      entry.ends = std::max(entry.ends, later(at, e.life));
    } else if (!entry.taken) {
      entry.taken = true;
      entry.taken_by = other.port;
    } else if (entry.taken_by != other.port) {
      return kNone32;
    }
    return parent;
  };
  const std::uint32_t parent = look(responder, initiator, false);
  return parent != kNone32 ? parent : look(initiator, responder, true);
}

}  // namespace demarc
